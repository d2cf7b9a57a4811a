import { randomUUID } from 'node:crypto'
import { type FileHandle, open, realpath, rename, rm } from 'node:fs/promises'
import { fileError } from '../../data/read-bytes.ts'
import { makeFolder } from '../../scoring/writers/write-file.ts'
import type { Tensor, TypedArray } from '../../tensor.ts'
import { invalid } from '../../validate.ts'
import { countElements, rowMajor } from './extent.ts'
import { type PickledTensor, pickleStateDict } from './state-dict-pickle.ts'
import { ZipWriter } from './zip-writer.ts'

/** The folder within the archive: PyTorch's own, where a file has no name. */
const ROOT = 'archive'
/** Version of PyTorch's format. */
const VERSION = '3\n'
/** Bytes that are written at once. */
const PIECE = 2 ** 24

/** Half a character: it has no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** How the typed arrays are called in PyTorch. */
const TYPES: readonly (readonly [
  arrayType: new (length: number) => TypedArray,
  type: PickledTensor['type'],
])[] = [
  [Float32Array, { storage: 'FloatStorage' }],
  [Float64Array, { storage: 'DoubleStorage' }],
  [BigInt64Array, { storage: 'LongStorage' }],
  [Int32Array, { storage: 'IntStorage' }],
  [Int16Array, { storage: 'ShortStorage' }],
  [Int8Array, { storage: 'CharStorage' }],
  [Uint8Array, { storage: 'ByteStorage' }],
  [Uint16Array, { dtype: 'uint16' }],
]

/**
 * Writes tensors as a .pth file: a state dict that `torch.load(path, weights_only=True)` reads, with the names in their
 * order (Uint16Array needs PyTorch 2.3). The file takes its place at once when it is complete; its folder is made. The same
 * tensors give the same bytes.
 *
 * @param tensors by name; a Map also keeps the order of names that are whole numbers
 * @throws DenseHybridError INVALID_ARGUMENT naming the tensor; IO
 */
export async function writePth(
  path: string,
  tensors: Readonly<Record<string, Tensor<TypedArray>>> | ReadonlyMap<string, Tensor<TypedArray>>,
): Promise<void> {
  if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of a file', path)
  if (typeof tensors !== 'object' || tensors === null)
    throw invalid('tensors', 'tensors by their names', tensors)
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors)
  if (entries.length === 0) throw invalid('tensors', 'at least one tensor', tensors)
  const pickled = entries.map(([name, tensor], i) => describeTensor(name, tensor, i))
  await makeFolder(path)
  await replaceFile(path, async (handle) => {
    const archive = new ZipWriter((bytes) => writeAll(handle, bytes))
    await archive.add(`${ROOT}/data.pkl`, pickleStateDict(pickled))
    await archive.add(`${ROOT}/byteorder`, Buffer.from('little'))
    for (const [i, [, { data }]] of entries.entries()) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      await archive.add(`${ROOT}/data/${pickled[i].key}`, bytes)
    }
    await archive.add(`${ROOT}/version`, Buffer.from(VERSION))
    await archive.finish()
  })
}

function describeTensor(name: string, tensor: Tensor<TypedArray>, index: number): PickledTensor {
  const argument = `tensors[${JSON.stringify(name)}]`
  if (typeof name !== 'string' || LONE_SURROGATE.test(name))
    throw invalid('a name of tensors', 'well-formed text', name)
  const { data, shape } = Object(tensor) as Tensor<TypedArray>
  const type = TYPES.find(([arrayType]) => data instanceof arrayType)?.[1]
  if (type === undefined || !Array.isArray(shape)) {
    throw invalid(
      argument,
      `a tensor { data, shape } with ${TYPES.map(([{ name }]) => name).join(', ')}`,
      data ?? tensor,
    )
  }
  if (
    shape.some((extent) => !Number.isSafeInteger(extent) || extent < 0) ||
    countElements(shape) !== data.length
  ) {
    throw invalid(`${argument}.shape`, `whole numbers whose product is ${data.length}`, shape)
  }
  const counts = { count: data.length, size: data.byteLength }
  return { name, type, shape, strides: rowMajor(shape), key: String(index), ...counts }
}

/** Writes a file under another name beside it, and gives it its own when all of it is on the disk. */
async function replaceFile(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  // A link stays a link.
  const target = await realpath(path).catch(() => path)
  const temporary = `${target}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(path, error)
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(PIECE, bytes.length - at))
    at += bytesWritten
  }
}
