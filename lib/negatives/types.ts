import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'

/** A piece of another picture to be pasted into a training image: x⁻ and the support of m in x' = (1 − m) ⊙ x + m ⊙ pad(x⁻). */
export interface Negative {
  /** h×w×3 RGB. */
  readonly image: Tensor<Uint8Array>
  /** h×w: 1 = pasted, 0 = left as it is. */
  readonly mask: Tensor<Uint8Array>
}

/** Height and width in pixels of the image that a negative is pasted into. */
export interface TargetSize {
  readonly height: number
  readonly width: number
}

/** Where negatives come from: an auxiliary data set, a flow, or generated shapes. */
export interface NegativeSource {
  /** For messages, e.g. "folder coco (instance)". */
  readonly name: string
  /**
   * One negative, at most as large as `target`. Draws come from `rng` alone, so the same stream gives the same negative.
   * Rejects with EMPTY when the source has nothing that fits.
   */
  sample(rng: Random, target: TargetSize, options?: { signal?: AbortSignal }): Promise<Negative>
}
