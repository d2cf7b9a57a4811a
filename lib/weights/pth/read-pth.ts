import { type FileHandle, open } from 'node:fs/promises'
import { fileError } from '../../data/read-bytes.ts'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import { type Tensor, type TypedArray, tensor } from '../../tensor.ts'
import { checkOptionNames, invalid } from '../../validate.ts'
import { chooseWeights } from './choose-weights.ts'
import { DTYPES, dtypeOf, type PthDtype } from './dtypes.ts'
import { countElements, gather, isRowMajor, spanOf } from './extent.ts'
import { type OpenFile, readAt } from './file-bytes.ts'
import { checkArchive, checkBegin } from './file-format.ts'
import { unpickle } from './pickle.ts'
import type { PickleTensor } from './pickle-values.ts'
import { damaged, refused } from './pth-error.ts'
import { ZipArchive } from './zip-archive.ts'

/** Bytes of the pickle, at most: checkpoints of the largest networks have a few megabytes. */
const MAX_PICKLE = 2 ** 26
/**
 * Tensors may share memory, and repeat it along a dimension. Together they may take so many times the bytes of the file,
 * and so many bytes more: a small file must not ask for a large memory.
 */
const MOST_OF_FILE = 4
const MOST_BEYOND = 2 ** 24

/** One tensor of a .pth file, and where its elements are. */
export interface PthTensor {
  readonly name: string
  readonly dtype: PthDtype
  readonly shape: readonly number[]
  /** Elements between neighbours along each dimension. */
  readonly strides: readonly number[]
  /** Byte of the file at which its first element is. */
  readonly position: number
}

export interface ReadPthOptions {
  /** The entry of a checkpoint that holds the weights. Absent: found by itself where there is one to choose. */
  readonly key?: string
  readonly signal?: AbortSignal
}

/**
 * Lists the tensors of a .pth file of PyTorch 1.6 or later, in its order, without reading their values. The file may be
 * a state dict, or a checkpoint with one under `state_dict`, `model` or another key. Its pickle is interpreted by a closed
 * list of functions; nothing of it is executed. Names keep prefixes such as `module.`.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE naming the file, and the tensor or the class that is wrong; IO; ABORTED;
 * INVALID_ARGUMENT
 */
export async function readPthHeader(path: string, options: ReadPthOptions = {}): Promise<PthTensor[]> {
  return withFile(path, options, (file) => readHeader(file, options.key))
}

/**
 * Reads all tensors of a .pth file, like {@link readPthHeader}: float64, float32, float16 and bfloat16 (both widened to
 * float32), int64 (BigInt64Array), int32, int16, int8, uint16, uint8 and bool (Uint8Array of 0 and 1). They are row-major,
 * and each has memory of its own.
 *
 * @returns by name; in the file's order, but that names which are whole numbers come first
 * @throws as {@link readPthHeader} does
 */
export async function readPth(
  path: string,
  options: ReadPthOptions = {},
): Promise<Record<string, Tensor<TypedArray>>> {
  return withFile(path, options, async (file) => {
    const entries: [string, Tensor<TypedArray>][] = []
    for (const stored of await readHeader(file, options.key)) {
      entries.push([stored.name, await readValues(file, stored)])
    }
    // Unlike an assignment, this makes an entry of the name "__proto__", too.
    return Object.fromEntries(entries)
  })
}

/**
 * Reads one tensor that {@link readPthHeader} listed.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE where the file is shorter by now; IO; ABORTED
 */
export async function readPthTensor(
  path: string,
  stored: PthTensor,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Tensor<TypedArray>> {
  return withFile(path, options, (file) => readValues(file, stored))
}

async function withFile<T>(
  path: string,
  options: ReadPthOptions,
  read: (file: OpenFile) => Promise<T>,
): Promise<T> {
  if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of a .pth file', path)
  checkOptionNames('readPth', options, ['key', 'signal'])
  const { key, signal } = options
  if (key !== undefined && typeof key !== 'string') throw invalid('key', 'a text', key)
  throwIfAborted(signal)
  let handle: FileHandle | undefined
  try {
    handle = await open(path)
    const status = await handle.stat()
    if (!status.isFile()) throw refused(path, 'is no file', 'Give the path of a .pth file.')
    return await read({ path, handle, size: status.size, signal })
  } catch (error) {
    throw error instanceof DenseHybridError ? error : fileError(path, error)
  } finally {
    await handle?.close()
  }
}

async function readHeader(file: OpenFile, key: string | undefined): Promise<PthTensor[]> {
  const { path } = file
  await checkBegin(file)
  const archive = await ZipArchive.open(file)
  const root = await checkArchive(path, archive)
  const pickle = await archive.read(archive.find(`${root}/data.pkl`)!, MAX_PICKLE)
  const { tensors } = chooseWeights(path, unpickle(path, pickle), key)
  const stored: PthTensor[] = []
  let bytes = 0
  for (const [name, found] of tensors) {
    const one = await placed(path, archive, root, name, found)
    stored.push(one)
    // What lies between its elements is read, too.
    bytes += Math.max(countElements(one.shape)!, spanOf(one)) * DTYPES[one.dtype].size
    if (bytes > MOST_OF_FILE * file.size + MOST_BEYOND) {
      throw damaged(
        path,
        `its tensors up to ${JSON.stringify(name)} take ${bytes} bytes, and it has ${file.size}`,
      )
    }
  }
  return stored
}

/** Checks that a tensor lies within its storage, and that within its entry of the archive. */
async function placed(
  path: string,
  archive: ZipArchive,
  root: string,
  name: string,
  found: PickleTensor,
): Promise<PthTensor> {
  const wrong = (reason: string) => damaged(path, `its tensor ${JSON.stringify(name)} ${reason}`)
  const { storage, offset, shape, strides } = found
  const dtype = dtypeOf(found.dtype)
  if (dtype === undefined) {
    throw refused(
      path,
      `has the tensor ${JSON.stringify(name)} of type torch.${found.dtype}, which is not read`,
      'Convert it before saving, e.g. with tensor.float().',
    )
  }
  const { size } = DTYPES[dtype]
  if (countElements(shape) === undefined) throw wrong(`has the shape ${shape.join('×')}`)
  const entry = archive.find(`${root}/data/${storage.key}`)
  if (entry === undefined) throw wrong(`lies in the storage ${JSON.stringify(storage.key)}, which is missing`)
  const claimed = storage.count * (storage.dtype === undefined ? 1 : size)
  if (claimed > entry.size)
    throw wrong(`lies in a storage of ${claimed} bytes, of which ${entry.size} are there`)
  if (!((offset + spanOf(found)) * size <= claimed)) {
    const layout = `shape ${shape.join('×') || '()'}, strides ${strides.join(', ') || '()'}, offset ${offset}`
    throw wrong(`reaches beyond its storage of ${claimed} bytes (${layout})`)
  }
  return { name, dtype, shape, strides, position: (await archive.locate(entry)) + offset * size }
}

async function readValues(file: OpenFile, stored: PthTensor): Promise<Tensor<TypedArray>> {
  const { size, read } = DTYPES[stored.dtype]
  const bytes = await readAt(file, stored.position, spanOf(stored) * size)
  return tensor<TypedArray>(read(isRowMajor(stored) ? bytes : gather(bytes, stored, size)), stored.shape)
}
