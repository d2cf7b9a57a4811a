import { EXPONENT, keyFromBits } from './score-keys.ts'

/** Keys are grouped by all but their lowest 18 bits: one group's counters fit the processor's cache. */
export const BLOCK_BITS = 18
/** Adding it turns the block of a signed key, key >> BLOCK_BITS, into an index. */
export const BLOCK_ZERO = 1 << (31 - BLOCK_BITS)
/** Number of blocks. */
export const BLOCKS = 2 * BLOCK_ZERO

/** Where the blocks of a target begin: inliers, then anomalies, then pixels that are left out. */
const FIRST_BLOCK = Int32Array.from({ length: 256 }, (_, target) => Math.min(target, 2) * BLOCKS + BLOCK_ZERO)

/** Valid pixels of one image: their keys, anomalies apart from inliers. Views that the next image overwrites. */
export interface GroupedKeys {
  readonly positives: Int32Array
  readonly negatives: Int32Array
  /** Number of pixels left out by their target. */
  readonly ignored: number
  /** Number of valid pixels whose score is NaN or infinite; they are in neither list. */
  readonly nonFinite: number
}

/**
 * Splits the pixels of images into anomalies and inliers and groups their keys by block, in two passes without a
 * branch that depends on the pixels: what is left out goes to a group of its own, and so does what is not finite, whose
 * keys lie beyond those of all finite scores.
 */
export class KeyGrouper {
  #keys = new Int32Array(0)
  readonly #offsets = new Int32Array(3 * BLOCKS)

  /**
   * @param bits float32 scores as integers
   * @param target 1 anomaly, 0 inlier, any other value is left out; as long as `bits`
   */
  group(bits: Int32Array, target: Uint8Array): GroupedKeys {
    const offsets = this.#offsets.fill(0)
    for (let i = 0; i < bits.length; i++)
      offsets[FIRST_BLOCK[target[i]] + (keyFromBits(bits[i]) >> BLOCK_BITS)]++
    let start = 0
    for (let group = 0; group < offsets.length; group++) {
      const size = offsets[group]
      offsets[group] = start
      start += size
    }
    const [inliers, anomalies] = [0, 1].map((label) => finiteRange(offsets, label))
    const valid = offsets[2 * BLOCKS]
    if (this.#keys.length < bits.length) this.#keys = new Int32Array(bits.length)
    const keys = this.#keys
    for (let i = 0; i < bits.length; i++) {
      const key = keyFromBits(bits[i])
      keys[offsets[FIRST_BLOCK[target[i]] + (key >> BLOCK_BITS)]++] = key
    }
    const [negatives, positives] = [inliers, anomalies].map(({ from, to }) => keys.subarray(from, to))
    return {
      positives,
      negatives,
      ignored: bits.length - valid,
      nonFinite: valid - positives.length - negatives.length,
    }
  }
}

/** Blocks of the keys of ±infinity and NaN: they hold no finite score. */
const INFINITE_BLOCK = (EXPONENT >> BLOCK_BITS) + BLOCK_ZERO

/** Where the finite scores of a label begin and end, given where each group begins. */
function finiteRange(offsets: Int32Array, label: number): { from: number; to: number } {
  const first = label * BLOCKS
  return { from: offsets[first + BLOCKS - INFINITE_BLOCK], to: offsets[first + INFINITE_BLOCK] }
}
