import type { Dataset } from '../data/dataset.ts'
import type { DenseFlow } from '../dense-flow.ts'
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

/** A negative of which only the size is decided: a rectangle that a flow will sample. */
export interface FlowNegative {
  readonly flow: DenseFlow
  /** In pixels; multiples of the flow's reduction. */
  readonly height: number
  readonly width: number
}

/** A rectangle of one image of a batch, in pixels, that a sample of a flow will fill. */
export interface FlowWindow {
  /** Index in the batch. */
  readonly image: number
  readonly top: number
  readonly left: number
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
  /** The data set that negatives are cut from, for the record of a training. */
  readonly dataset?: Dataset
  /** The flow whose samples are among the negatives. */
  readonly flow?: DenseFlow
  /**
   * For joint training: as `sample`, but a sample of the flow is left to the trainer, which keeps its graph. Needed where
   * there is a `flow`.
   */
  plan?(rng: Random, target: TargetSize, options?: { signal?: AbortSignal }): Promise<Negative | FlowNegative>
}
