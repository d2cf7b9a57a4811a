/**
 * A reader and writer of .safetensors in plain TypeScript, for reference data only. It shares no code with the native
 * reader, so that a fault of one does not hide itself on both sides of a comparison.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { elementCount, type Tensor, type TypedArray } from '../../lib/tensor.ts'

type Tensors = Record<string, Tensor<TypedArray>>

const ARRAY_TYPES = {
  F64: Float64Array,
  F32: Float32Array,
  I64: BigInt64Array,
  I32: Int32Array,
  U8: Uint8Array,
} as const

type StoredType = keyof typeof ARRAY_TYPES | 'F16'

/** All tensors of a .safetensors file; F16 is widened to Float32Array. Throws an Error that names file and reason. */
export async function readReference(path: string): Promise<Tensors> {
  const file = await readFile(path)
  const headerLength = file.length < 8 ? Number.NaN : Number(file.readBigUInt64LE(0))
  if (!(headerLength <= file.length - 8)) throw new Error(`${path}: not a .safetensors file`)
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: StoredType; shape: number[]; data_offsets: [number, number] }
  >
  const tensors: Tensors = {}
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const [begin, end] = entry.data_offsets.map((offset) => 8 + headerLength + offset)
    if (end > file.length) throw new Error(`${path}: tensor ${name} lies outside of the file`)
    // A copy, because the tensor need not start at a multiple of its element size.
    const bytes = new Uint8Array(file.subarray(begin, end)).buffer
    const data =
      entry.dtype === 'F16' ? widenHalf(new Uint16Array(bytes)) : arrayOf(entry.dtype, bytes, path, name)
    if (data.length !== elementCount(entry.shape))
      throw new Error(`${path}: tensor ${name} has the wrong size`)
    tensors[name] = { data, shape: entry.shape }
  }
  return tensors
}

/** Writes `tensors` as .safetensors, widest element type first so that every tensor is aligned; its size in bytes. */
export async function writeReference(path: string, tensors: Tensors): Promise<number> {
  const names = Object.keys(tensors).sort(
    (a, b) => tensors[b].data.BYTES_PER_ELEMENT - tensors[a].data.BYTES_PER_ELEMENT || (a < b ? -1 : 1),
  )
  const header: Record<string, unknown> = {}
  const parts: Uint8Array[] = []
  let offset = 0
  for (const name of names) {
    const { data, shape } = tensors[name]
    header[name] = { dtype: storedType(data), shape, data_offsets: [offset, offset + data.byteLength] }
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    offset += data.byteLength
  }
  const text = JSON.stringify(header)
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  const file = Buffer.concat([length, padded, ...parts])
  await writeFile(path, file)
  return file.length
}

/** The name under which .safetensors stores this array. */
export function storedType(data: TypedArray): StoredType {
  for (const [name, type] of Object.entries(ARRAY_TYPES)) if (data instanceof type) return name as StoredType
  throw new Error(`no .safetensors type for ${data.constructor.name}`)
}

function arrayOf(dtype: string, bytes: ArrayBuffer, path: string, name: string): TypedArray {
  const type = ARRAY_TYPES[dtype as keyof typeof ARRAY_TYPES]
  if (type === undefined) throw new Error(`${path}: tensor ${name} has the unknown type ${dtype}`)
  return new type(bytes)
}

/** IEEE 754 binary16 → binary32, exact. */
function widenHalf(half: Uint16Array): Float32Array {
  return Float32Array.from(half, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const mantissa = bits & 1023
    if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN
    return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15))
  })
}
