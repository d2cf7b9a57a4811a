import { isNonFiniteBits, keyFromBits } from './score-keys.ts'

/** Keys are grouped by all but their lowest 18 bits: one group's counters fit the processor's cache. */
export const BLOCK_BITS = 18
/** Adding it turns the block of a signed key, key >> BLOCK_BITS, into an index. */
export const BLOCK_ZERO = 1 << (31 - BLOCK_BITS)
/** Number of blocks. */
export const BLOCKS = 2 * BLOCK_ZERO

/** Valid pixels of one image: their keys, anomalies apart from inliers. Views that the next image overwrites. */
export interface GroupedKeys {
  readonly positives: Int32Array
  readonly negatives: Int32Array
  /** Number of pixels left out by their target. */
  readonly ignored: number
  /** Number of valid pixels whose score is NaN or infinite; they are in neither list. */
  readonly nonFinite: number
}

/** Splits the pixels of images into anomalies and inliers and groups their keys by block, in two passes. */
export class KeyGrouper {
  #keys = new Int32Array(0)
  readonly #offsets = new Int32Array(2 * BLOCKS)

  /**
   * @param bits float32 scores as integers
   * @param target 1 anomaly, 0 inlier, any other value is left out; as long as `bits`
   */
  group(bits: Int32Array, target: Uint8Array): GroupedKeys {
    const offsets = this.#offsets.fill(0)
    let valid = 0
    let nonFinite = 0
    for (let i = 0; i < bits.length; i++) {
      const label = target[i]
      if (label > 1) continue
      const scoreBits = bits[i]
      if (isNonFiniteBits(scoreBits)) nonFinite++
      else {
        valid++
        offsets[label * BLOCKS + (keyFromBits(scoreBits) >> BLOCK_BITS) + BLOCK_ZERO]++
      }
    }
    let start = 0
    let negatives = 0
    for (let group = 0; group < offsets.length; group++) {
      if (group === BLOCKS) negatives = start
      const size = offsets[group]
      offsets[group] = start
      start += size
    }
    if (this.#keys.length < valid) this.#keys = new Int32Array(valid)
    const keys = this.#keys
    for (let i = 0; i < bits.length; i++) {
      const label = target[i]
      if (label > 1 || isNonFiniteBits(bits[i])) continue
      const key = keyFromBits(bits[i])
      keys[offsets[label * BLOCKS + (key >> BLOCK_BITS) + BLOCK_ZERO]++] = key
    }
    return {
      positives: keys.subarray(negatives, valid),
      negatives: keys.subarray(0, negatives),
      ignored: bits.length - valid - nonFinite,
      nonFinite,
    }
  }
}
