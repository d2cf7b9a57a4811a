import type { Colour } from '../palette.ts'
import type { Tensor } from '../tensor.ts'

/** Label of pixels that take no part: not in L_cls, not in any metric. */
export const IGNORE_LABEL = 255

/**
 * Label of pixels that belong to no known class: a pasted negative in training, an anomaly in testing.
 * Known classes are 0 … K−1, so K ≤ 254.
 */
export const UNKNOWN_LABEL = 254

/** One image with its labels. */
export interface Sample {
  /** Unique in its data set; used for file names and error messages. */
  readonly id: string
  /** H×W×3 RGB. */
  readonly image: Tensor<Uint8Array>
  /** H×W: 0 … K−1, UNKNOWN_LABEL or IGNORE_LABEL. */
  readonly labels: Tensor<Uint8Array>
  /** H×W: 0 = no instance, 1 … n; 255 = crowd. Only where the data set has them. */
  readonly instances?: Tensor<Uint8Array>
}

/** What is known of an item without reading it. */
export interface ItemSource {
  /** That of the sample. */
  readonly id: string
  /** All files behind it; absent for generated data. */
  readonly files?: readonly string[]
  /** Of generated data: what the pictures depend on beside the id, with the version of the generator. */
  readonly recipe?: string
}

/** A data set: random access to samples. `item` reads from disk; wrap with `cached` to keep decoded samples. */
export interface Dataset {
  /** For messages, e.g. "camvid (train)". */
  readonly name: string
  /** Names of the K known classes; index = label. */
  readonly classes: readonly string[]
  /** One colour for every class, where the data set has colours of its own. */
  readonly palette?: readonly Colour[]
  readonly length: number
  /** The number of items that its publishers state, where it is known; `data check` compares. */
  readonly officialLength?: number
  item(index: number): Promise<Sample>
  /** The files behind item `index`, for `data check` and error messages. Absent for generated data. */
  files?(index: number): { image: string; labels?: string }
  /** For `hashDataset`: where item `index` comes from. */
  source?(index: number): ItemSource
}
