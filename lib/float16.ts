import { setImmediate } from 'node:timers/promises'

/** The largest finite float16. */
export const FLOAT16_MAX = 65_504

/** Bits of the smallest float32 that would round to an infinite float16 (65520). */
const OVERFLOW_BITS = 0x477f_f000
/** Bits of 2⁻¹⁴ as float32: below it float16 is subnormal. */
const NORMAL_BITS = 0x3880_0000
/** 2²⁴: subnormal float16 are whole multiples of 2⁻²⁴. */
const SUBNORMAL_SCALE = 2 ** 24

/** Values that are converted before other work gets its turn: a few milliseconds. */
const SLICE = 2 ** 20

let widened: Float32Array | undefined

/** IEEE 754 binary16, given by its bits, as float32: exact, ±∞ and NaN included. */
export function widenHalf(bits: Uint16Array): Float32Array {
  widened ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => valueOfHalf(half))
  const values = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) values[i] = widened[bits[i]]
  return values
}

/**
 * Float32 as the bits of IEEE 754 binary16, to the nearest, ties to even. Values that would become infinite become
 * ±65504 instead. NaN stays NaN.
 *
 * @returns the bits, and the number of values that were cut off
 */
export async function narrowToHalf(values: Float32Array): Promise<{ bits: Uint16Array; clamped: number }> {
  const bits = new Uint16Array(values.length)
  let clamped = 0
  for (let start = 0; start < values.length; start += SLICE) {
    if (start > 0) await setImmediate()
    const end = Math.min(values.length, start + SLICE)
    clamped += narrowSlice(values.subarray(start, end), bits.subarray(start, end))
  }
  return { bits, clamped }
}

function narrowSlice(values: Float32Array, half: Uint16Array): number {
  const single = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let clamped = 0
  for (let i = 0; i < single.length; i++) {
    const sign = (single[i] >>> 16) & 0x8000
    const magnitude = single[i] & 0x7fff_ffff
    if (magnitude > 0x7f80_0000) half[i] = sign | 0x7e00
    else if (magnitude >= OVERFLOW_BITS) {
      half[i] = sign | 0x7bff
      clamped++
    } else if (magnitude < NORMAL_BITS) half[i] = sign | roundToEven(Math.abs(values[i]) * SUBNORMAL_SCALE)
    // Adds just under half a step, or half a step where the last bit is odd; then changes the exponent's bias.
    else half[i] = sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x3800_0000) >>> 13)
  }
  return clamped
}

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Float32 rounded to float16 values, to the nearest, ties to even; beyond the largest float16 it is ±∞. */
export function roundToHalf(values: Float32Array): Float32Array {
  return values.map(roundedToHalf)
}

/** One number, which need not be a float32, rounded to a float16 value. */
export function roundedToHalf(value: number): number {
  const magnitude = Math.abs(value)
  if (!(magnitude > 0 && magnitude < Infinity)) return value
  // Step between neighbours: 2^(exponent − 10), but never below that of subnormal numbers.
  const step = 2 ** Math.max(-24, Math.floor(Math.log2(magnitude)) - 10)
  const rounded = roundToEven(magnitude / step) * step
  return Math.sign(value) * (rounded > FLOAT16_MAX ? Infinity : rounded)
}
