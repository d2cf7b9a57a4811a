import { DenseHybridError } from '../../errors.ts'
import { elementCount } from '../../tensor.ts'
import { checkKind } from './file-kind.ts'

/** Arrays that an .npy file can hold here, by kind and size of its elements. */
const ARRAY_TYPES = {
  f2: Uint16Array,
  f4: Float32Array,
  f8: Float64Array,
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
  b1: Uint8Array,
} as const

/** Element type of an .npy file: f = float, i = integer, u = unsigned, b = Boolean, and the number of bytes. */
export type NpyType = keyof typeof ARRAY_TYPES

/** What an .npy file holds. */
export interface NpyArray {
  readonly type: NpyType
  readonly shape: readonly number[]
  /** In the machine's byte order and in the file's element order; f2 as its bits. */
  readonly data: InstanceType<(typeof ARRAY_TYPES)[NpyType]>
  /** The first index runs fastest, as numpy writes transposed arrays. */
  readonly fortranOrder: boolean
}

/** Headers are shorter: a longer one is damage. */
const MAX_HEADER = 2 ** 16

/**
 * Reads an .npy file (format 1.0, 2.0 or 3.0) of numbers of either byte order.
 *
 * @throws DenseHybridError INVALID_FILE naming `path` where it is another file, damaged, truncated or of another type
 */
export function parseNpy(path: string, bytes: Buffer): NpyArray {
  checkKind(path, bytes, 'an .npy file')
  const { text, end } = readHeader(path, bytes)
  const descriptor = /'descr'\s*:\s*'([<>|=]?)([a-zA-Z])(\d+)'/.exec(text)
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)
  const extents = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(text)
  if (order === null || extents === null) throw damaged(path, 'its header does not give order and shape')
  if (descriptor === null) throw damaged(path, 'its elements are not plain numbers')
  const [, byteOrder, kind, size] = descriptor
  const type = `${kind}${size}` as NpyType
  if (!Object.hasOwn(ARRAY_TYPES, type)) throw damaged(path, `its type is ${byteOrder}${type}`)
  const shape = extents[1].split(',').flatMap((extent) => (extent.trim() === '' ? [] : [Number(extent)]))
  const expected = elementCount(shape) * Number(size)
  if (bytes.length - end !== expected) {
    const short = bytes.length - end < expected
    throw damaged(
      path,
      `${shape.join('×')} ${type} take ${expected} bytes but ${bytes.length - end} follow its header` +
        (short ? ' (it is truncated)' : ''),
    )
  }
  const data = arrayOf(type, bytes.subarray(end), byteOrder === '>')
  return { type, shape, data, fortranOrder: order[1] === 'True' }
}

/** The values of a matrix H×W in row order, whatever order the file has. */
export function inRowOrder<T extends NpyArray['data']>(
  data: T,
  [height, width]: readonly [number, number],
  fortranOrder: boolean,
): T {
  if (!fortranOrder) return data
  const rows = data.slice()
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * width + x] = data[x * height + y]
  }
  return rows as T
}

function readHeader(path: string, bytes: Buffer): { text: string; end: number } {
  const major = bytes[6]
  const start = major === 1 ? 10 : 12
  if (![1, 2, 3].includes(major) || bytes.length < start) throw damaged(path, 'its header is damaged')
  const length = major === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8)
  const end = start + length
  if (length > MAX_HEADER || end > bytes.length) throw damaged(path, 'it ends within its header')
  return { text: bytes.toString(major === 3 ? 'utf8' : 'latin1', start, end), end }
}

function arrayOf(type: NpyType, bytes: Buffer, bigEndian: boolean): NpyArray['data'] {
  const arrayType = ARRAY_TYPES[type]
  const size = arrayType.BYTES_PER_ELEMENT
  const misplaced = bytes.byteOffset % size !== 0
  const own = bigEndian || misplaced ? Buffer.from(new Uint8Array(bytes).buffer) : bytes
  if (bigEndian && size === 2) own.swap16()
  if (bigEndian && size === 4) own.swap32()
  if (bigEndian && size === 8) own.swap64()
  return new arrayType(own.buffer as ArrayBuffer, own.byteOffset, own.length / size)
}

function damaged(path: string, reason: string): DenseHybridError {
  return new DenseHybridError('INVALID_FILE', `${path} cannot be read: ${reason}.`, {
    hint: 'Expected an .npy file of one array of numbers, as numpy.save writes it.',
  })
}
