/**
 * Order-preserving integer keys of float32 scores: sorting the keys as int32 sorts the scores, and equal keys are equal
 * scores. Denormals keep keys of their own; −0 and +0 share one, because −0 === +0 must be one threshold.
 * Bits and keys are signed, so that V8 keeps them in integer registers.
 */

/** The bits of infinity; NaN has more. */
export const EXPONENT = 0x7f800000
const MAGNITUDE = 0x7fffffff
/** No other float32 has it. */
const NEGATIVE_ZERO_KEY = -1

/** Whether the float32 with these bits is NaN or infinite. */
export function isNonFiniteBits(bits: number): boolean {
  return (bits & EXPONENT) === EXPONENT
}

/** The key of the float32 with these bits. Keys of NaN and infinities lie beyond those of all finite scores. */
export function keyFromBits(bits: number): number {
  const key = bits ^ ((bits >> 31) & MAGNITUDE)
  return key === NEGATIVE_ZERO_KEY ? 0 : key
}

/**
 * The lowest key that shares its highest `bits` bits with `key`. With 32 it is the key itself. 16 bits keep the sign,
 * the exponent and 7 bits of the mantissa, so that scores of one bin differ by less than 2^−7 of their size; every bit
 * more halves that. A bin of a finite score starts at a finite score.
 */
export function binKey(key: number, bits: number): number {
  const dropped = 32 - bits
  return (key >> dropped) << dropped
}

/** The float32 scores of `keys`. */
export function scoresFromKeys(keys: Int32Array): Float32Array {
  return scoresInPlace(keys.slice())
}

/** Turns keys into their float32 scores, which take the memory of the keys. */
export function scoresInPlace(keys: Int32Array): Float32Array {
  for (let i = 0; i < keys.length; i++) if (keys[i] < 0) keys[i] ^= MAGNITUDE
  return new Float32Array(keys.buffer, keys.byteOffset, keys.length)
}

/** The bits of float32 scores, without a copy. */
export function bitsOfScores(scores: Float32Array): Int32Array {
  return new Int32Array(scores.buffer, scores.byteOffset, scores.length)
}

const DIGIT_BITS = 11
const BUCKETS = 1 << DIGIT_BITS
const DIGIT_MASK = BUCKETS - 1
/** Flips the sign, so that digits of signed keys order as unsigned ones. */
const FLIP = 1 << 31
/** Below this many keys the built-in sort is quicker than clearing three histograms. */
const RADIX_MINIMUM = 4096

/**
 * Sorts keys ascending: a least-significant-digit radix sort with 11-bit digits. Overwrites `keys`; the sorted keys
 * are in the returned array, which is either `keys` or a buffer of the same length.
 */
export function sortKeys(keys: Int32Array): Int32Array {
  const n = keys.length
  if (n < RADIX_MINIMUM) return keys.sort()
  const histogram = new Int32Array(3 * BUCKETS)
  for (let i = 0; i < n; i++) {
    const key = keys[i] ^ FLIP
    histogram[key & DIGIT_MASK]++
    histogram[BUCKETS + ((key >>> DIGIT_BITS) & DIGIT_MASK)]++
    histogram[2 * BUCKETS + (key >>> (2 * DIGIT_BITS))]++
  }
  let from = keys
  let to: Int32Array | undefined
  for (let digit = 0; digit < 3; digit++) {
    const shift = digit * DIGIT_BITS
    const offsets = histogram.subarray(digit * BUCKETS, (digit + 1) * BUCKETS)
    if (offsets[((from[0] ^ FLIP) >>> shift) & DIGIT_MASK] === n) continue // all keys share this digit
    let start = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const size = offsets[bucket]
      offsets[bucket] = start
      start += size
    }
    const target: Int32Array = to ?? new Int32Array(n)
    for (let i = 0; i < n; i++) {
      const key = from[i]
      target[offsets[((key ^ FLIP) >>> shift) & DIGIT_MASK]++] = key
    }
    to = from
    from = target
  }
  return from
}
