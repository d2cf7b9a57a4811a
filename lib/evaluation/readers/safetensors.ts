import { DenseHybridError } from '../../errors.ts'
import { elementCount } from '../../tensor.ts'
import { checkKind } from './file-kind.ts'

/** Bytes of one element, by the type's name in the file. */
const ELEMENT_SIZES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
}

/** The header is a JSON object, after eight bytes with its length. */
const HEADER_START = '{'.charCodeAt(0)

/** The format's own limit on the length of the header, bytes. */
const MAX_HEADER = 100_000_000

/** One tensor of a .safetensors file. */
export interface StoredTensor {
  readonly name: string
  /** F16, F32, … */
  readonly type: string
  readonly shape: readonly number[]
  /** A copy, so that it is aligned for any type; little-endian. */
  bytes(): Uint8Array<ArrayBuffer>
}

interface Extent {
  readonly tensor: StoredTensor
  readonly begin: number
  readonly end: number
}

/**
 * Lists the tensors of a .safetensors file. The header is checked as a whole: its length, types, shapes, and that the
 * tensors fill the rest of the file without overlap.
 *
 * @param bytes the whole file
 * @throws DenseHybridError INVALID_FILE naming `path` and the tensor that is wrong
 */
export function parseSafetensors(path: string, bytes: Buffer): StoredTensor[] {
  if (bytes[8] !== HEADER_START) checkKind(path, bytes, undefined)
  const length = bytes.length < 8 ? Number.NaN : Number(bytes.readBigUInt64LE(0))
  if (!(length >= 2 && length <= MAX_HEADER && length <= bytes.length - 8)) {
    throw damaged(path, 'it does not begin with the length of a header inside of it')
  }
  const header = parseHeader(path, bytes.toString('utf8', 8, 8 + length))
  const content = bytes.subarray(8 + length)
  const extents = Object.entries(header).flatMap(([name, entry]) =>
    name === '__metadata__' ? [] : [checkEntry(path, name, entry, content)],
  )
  checkLayout(path, extents, content.length)
  return extents.map(({ tensor }) => tensor)
}

function parseHeader(path: string, text: string): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch (error) {
    throw damaged(path, `its header is not JSON: ${(error as Error).message}`, error)
  }
  if (typeof header === 'object' && header !== null && !Array.isArray(header)) {
    return header as Record<string, unknown>
  }
  throw damaged(path, 'its header is not a JSON object')
}

function checkEntry(path: string, name: string, entry: unknown, content: Buffer): Extent {
  const wrong = (reason: string) => damaged(path, `its tensor ${JSON.stringify(name)} ${reason}`)
  const { dtype, shape, data_offsets: offsets } = Object(entry) as Record<string, unknown>
  if (typeof dtype !== 'string' || !Object.hasOwn(ELEMENT_SIZES, dtype)) {
    throw wrong(`has the unknown type ${JSON.stringify(dtype)}`)
  }
  if (!isCounts(shape)) throw wrong(`has no shape but ${JSON.stringify(shape)}`)
  if (!isCounts(offsets) || offsets.length !== 2) throw wrong(`has no offsets but ${JSON.stringify(offsets)}`)
  const [begin, end] = offsets
  if (begin > end || end > content.length) throw wrong('lies outside of the file (is it truncated?)')
  if (elementCount(shape) * ELEMENT_SIZES[dtype] !== end - begin) {
    throw wrong(`is ${shape.join('×')} ${dtype} but has ${end - begin} bytes`)
  }
  const read = () => new Uint8Array(content.subarray(begin, end))
  return { tensor: { name, type: dtype, shape, bytes: read }, begin, end }
}

/** Each tensor begins where the one before ends, and the last ends with the file. */
function checkLayout(path: string, extents: readonly Extent[], length: number): void {
  let at = 0
  for (const { tensor, begin, end } of [...extents].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      const what = begin < at ? 'overlaps the one before' : `leaves ${begin - at} bytes before it unused`
      throw damaged(path, `its tensor ${JSON.stringify(tensor.name)} ${what}`)
    }
    at = end
  }
  if (at !== length) throw damaged(path, `${length - at} bytes after its last tensor belong to none`)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0)
}

function damaged(path: string, reason: string, cause?: unknown): DenseHybridError {
  return new DenseHybridError('INVALID_FILE', `${path} is not a .safetensors file: ${reason}.`, {
    hint: 'The file is damaged or incomplete: copy or write it again.',
    cause,
  })
}
