/**
 * Weights that need no file: every value is a hash of the tensor's name and the element's index
 * (FNV-1a over salt + name, then splitmix64), so that two implementations build the same network.
 */
import { createHash } from 'node:crypto'
import { elementCount, type Tensor, type TypedArray, tensor } from '../../lib/tensor.ts'

/** One entry of a case's `weights` list. */
export interface WeightEntry {
  name: string
  shape: number[]
  kind: string
  gain?: number
  /** IEEE 754 bits of the scale, big-endian hex. */
  s_hex?: string
  /** First 16 hex digits of the SHA-256 over the little-endian bytes of the finished tensor. */
  sha256_16?: string
}

const OFFSET_BASIS = 0xcbf29ce484222325n
const PRIME = 0x100000001b3n
const MASK = (1n << 64n) - 1n

/** 64-bit FNV-1a over the UTF-8 bytes of `key`. */
export function fnv1a64(key: string): bigint {
  let hash = OFFSET_BASIS
  for (const byte of Buffer.from(key, 'utf8')) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK
  return hash
}

/** Element `index` of the stream that starts at `hash`: splitmix64 of hash + index. Slow and readable; for tests. */
export function splitmix64(hash: bigint, index: number): bigint {
  let z = (hash + BigInt(index) + 0x9e3779b97f4a7c15n) & MASK
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return z ^ (z >> 31n)
}

/** The high 32 bits of the product of two unsigned 32-bit numbers, from four 16-bit products. */
function highWord(a: number, b: number): number {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const low = a0 * b0
  const middle = a1 * b0 + Math.floor(low / 65536)
  const carry = (middle % 65536) + a0 * b1
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0
}

/**
 * u = 2·k·2⁻²⁴ − 1 in [−1, 1) for element 0 … length−1, k = the top 24 bits of splitmix64(hash + i).
 * In 32-bit halves: about 20 times as fast as BigInt.
 */
export function uniformStream(hash: bigint, length: number): Float32Array {
  const start = (hash + 0x9e3779b97f4a7c15n) & MASK
  const startLow = Number(start & 0xffffffffn)
  const startHigh = Number(start >> 32n)
  const values = new Float32Array(length)
  for (let i = 0; i < length; i++) {
    const sum = startLow + i
    let low = sum >>> 0
    let high = (startHigh + (sum >= 4294967296 ? 1 : 0)) >>> 0
    // z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    let x = (low ^ ((low >>> 30) | (high << 2))) >>> 0
    let y = (high ^ (high >>> 30)) >>> 0
    high = (highWord(x, 0x1ce4e5b9) + Math.imul(x, 0xbf58476d) + Math.imul(y, 0x1ce4e5b9)) >>> 0
    low = Math.imul(x, 0x1ce4e5b9) >>> 0
    // z = (z ^ (z >> 27)) * 0x94D049BB133111EB; only the high word is needed: the last xor changes its lowest bit alone
    x = (low ^ ((low >>> 27) | (high << 5))) >>> 0
    y = (high ^ (high >>> 27)) >>> 0
    high = (highWord(x, 0x133111eb) + Math.imul(x, 0x94d049bb) + Math.imul(y, 0x133111eb)) >>> 0
    values[i] = (high >>> 8) * 2 ** -23 - 1
  }
  return values
}

const TENTH = Math.fround(0.1)

/** The finished tensor of one entry, or undefined for kinds that are stored in a file. Every step rounds to float32. */
export function ruleTensor(entry: WeightEntry, salt: string, gain: number): Tensor<TypedArray> | undefined {
  const count = elementCount(entry.shape)
  if (entry.kind === 'zero_i64') return tensor(new BigInt64Array(count), entry.shape)
  if (entry.kind.startsWith('override')) return undefined
  const values = uniformStream(fnv1a64(salt + entry.name), count)
  switch (entry.kind) {
    case 'matrix': {
      const scale = matrixScale(entry, gain)
      for (let i = 0; i < count; i++) values[i] = scale * values[i]
      break
    }
    case 'vector_weight':
      for (let i = 0; i < count; i++) values[i] = 1 + Math.fround(TENTH * values[i])
      break
    case 'bias':
    case 'bn_running_mean':
      for (let i = 0; i < count; i++) values[i] = TENTH * values[i]
      break
    case 'bn_running_var':
      for (let i = 0; i < count; i++) values[i] = 1 + Math.fround(0.5 * Math.abs(values[i]))
      break
    default:
      throw new Error(`weight rule: unknown kind ${JSON.stringify(entry.kind)} of ${entry.name}`)
  }
  return tensor(values, entry.shape)
}

/** s = float32(gain / √fan_in), fan_in = product of shape[1:]. */
export function matrixScale(entry: WeightEntry, gain: number): number {
  return Math.fround((entry.gain ?? gain) / Math.sqrt(elementCount(entry.shape.slice(1))))
}

/** First 16 hex digits of the SHA-256 over the bytes of `data`. */
export function checksum(data: TypedArray): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}

/**
 * All tensors of a `weights` list, each proven by its checksum. Entries stored in the case's file are taken from
 * `stored`. Throws an Error naming the first tensor that does not come out as listed.
 */
export function ruleWeights(
  entries: readonly WeightEntry[],
  salt: string,
  gain: number,
  stored: Record<string, Tensor<TypedArray>>,
): Record<string, Tensor<TypedArray>> {
  const weights: Record<string, Tensor<TypedArray>> = {}
  for (const entry of entries) {
    const made = ruleTensor(entry, salt, gain) ?? stored[entry.name]
    if (made === undefined) throw new Error(`weight rule: ${entry.name} is stored in no file`)
    if (entry.s_hex !== undefined && floatBits(matrixScale(entry, gain)) !== entry.s_hex) {
      throw new Error(`weight rule: the scale of ${entry.name} is not ${entry.s_hex}`)
    }
    if (entry.sha256_16 !== undefined && checksum(made.data) !== entry.sha256_16) {
      throw new Error(`weight rule: ${entry.name} differs from its checksum ${entry.sha256_16}`)
    }
    weights[entry.name] = made
  }
  return weights
}

/** IEEE 754 bits of a float32, big-endian hex. */
export function floatBits(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes.toString('hex')
}
