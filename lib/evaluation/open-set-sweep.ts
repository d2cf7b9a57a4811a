import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseHybridError } from '../errors.ts'
import { checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { ConfusionMatrix } from './confusion.ts'
import { classNames, meanOverClasses } from './open-set.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from './pixels.ts'

/** Options of {@link OpenSetSweep}. */
export interface OpenSetSweepOptions {
  /** Names of the K known classes, or K. */
  readonly classes: number | readonly string[]
  /** Thresholds of the score, at least one; any order. */
  readonly thresholds: readonly number[]
  /** A known class in neither truth nor prediction: left out of the mean, or counted as IoU 0. Default `skip`. */
  readonly absent?: 'skip' | 'zero'
}

/** One image of a sweep; all of one size. */
export interface SweepImage {
  /** Truth: 0 … K−1, UNKNOWN_LABEL, IGNORE_LABEL. */
  readonly labels: Pixels<Uint8Array>
  /** Closed-set prediction: 0 … K−1. */
  readonly closed: Pixels<Uint8Array>
  /** Larger = more anomalous. */
  readonly scores: Pixels<Float32Array>
}

/** Open-set segmentation at one threshold: pixels with score > threshold are unknown. */
export interface OpenSetPoint {
  readonly threshold: number
  /** Mean Open-IoU over the known classes; NaN where no pixel has one. */
  readonly openMIoU: number
  /** IoU of the unknown class. */
  readonly unknownIoU: number
  /** Open-IoU of every known class; NaN where absent. */
  readonly perClass: readonly number[]
}

/**
 * Open-mIoU at many thresholds from one pass: every pixel is counted by truth, closed-set prediction and the number of
 * thresholds below its score. The values are those of OpenSetMetrics with `open = score > threshold ? K : closed`.
 */
export class OpenSetSweep {
  readonly classes: readonly string[]
  /** Ascending, each once. */
  readonly thresholds: readonly number[]
  readonly absent: 'skip' | 'zero'
  /** [truth 0 … K][closed 0 … K−1][thresholds below the score 0 … T]; truth K = unknown. */
  readonly #counts: Float64Array
  #images = 0

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: OpenSetSweepOptions) {
    if (typeof options !== 'object' || options === null)
      throw invalid('options', '{ classes, thresholds, … }', options)
    checkOptionNames('OpenSetSweep', options, ['classes', 'thresholds', 'absent'])
    this.classes = classNames(options.classes)
    const { thresholds } = options
    const areNumbers =
      Array.isArray(thresholds) && thresholds.every((t) => typeof t === 'number' && !Number.isNaN(t))
    if (!areNumbers || thresholds.length === 0)
      throw invalid('options.thresholds', 'one or more numbers', thresholds)
    this.thresholds = [...new Set(thresholds as readonly number[])].sort((a, b) => a - b)
    this.absent = checkOneOf('options.absent', options.absent ?? 'skip', ['skip', 'zero'])
    const known = this.classes.length
    this.#counts = new Float64Array((known + 1) * known * (this.thresholds.length + 1))
  }

  /**
   * Adds one image. An image that is refused leaves no trace.
   *
   * @param imageName for error messages
   * @throws INVALID_ARGUMENT for differing sizes or a label out of range; NON_FINITE for NaN under valid pixels
   */
  add(image: SweepImage, imageName?: string): this {
    if (typeof image !== 'object' || image === null)
      throw invalid('image', '{ labels, closed, scores }', image)
    const name = imageText(imageName, this.#images + 1)
    const labels = checkPixels('labels', image.labels, [Uint8Array])
    const closed = checkPixels('closed', image.closed, [Uint8Array])
    const scores = checkPixels('scores', image.scores, [Float32Array])
    checkSameSize('labels', labels, 'closed', closed, name)
    checkSameSize('labels', labels, 'scores', scores, name)
    this.#check(labels.data, closed.data, scores.data, name)
    const known = this.classes.length
    const buckets = this.thresholds.length + 1
    const thresholds = Float64Array.from(this.thresholds)
    for (let i = 0; i < labels.data.length; i++) {
      const label = labels.data[i]
      if (label === IGNORE_LABEL) continue
      const truth = label === UNKNOWN_LABEL ? known : label
      const bucket = countBelow(thresholds, scores.data[i])
      this.#counts[(truth * known + closed.data[i]) * buckets + bucket]++
    }
    this.#images++
    return this
  }

  /**
   * Adds the counts of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object or has other classes or thresholds
   */
  merge(other: OpenSetSweep): this {
    if (!(other instanceof OpenSetSweep) || other === this)
      throw invalid('other', 'another OpenSetSweep', other)
    const settings = ({ classes, thresholds }: OpenSetSweep) =>
      JSON.stringify([classes, thresholds.map(String)])
    if (settings(other) !== settings(this))
      throw invalid('other', 'a sweep of the same classes and thresholds', settings(other))
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] += other.#counts[i]
    this.#images += other.#images
    return this
  }

  /** The metrics at every threshold, ascending. */
  result(): OpenSetPoint[] {
    const known = this.classes.length
    const buckets = this.thresholds.length + 1
    // Rejected at the first threshold: all with at least one threshold below the score.
    const counts = new Float64Array((known + 1) ** 2)
    const move = (bucket: number, accepted: boolean) => {
      for (let truth = 0; truth <= known; truth++) {
        for (let closed = 0; closed < known; closed++) {
          const count = this.#counts[(truth * known + closed) * buckets + bucket]
          counts[truth * (known + 1) + closed] += accepted ? count : 0
          counts[truth * (known + 1) + known] += accepted ? -count : count
        }
      }
    }
    for (let bucket = 0; bucket < buckets; bucket++) move(bucket, false)
    return this.thresholds.map((threshold, j) => {
      move(j, true)
      const matrix = ConfusionMatrix.fromJSON({
        type: 'ConfusionMatrix',
        version: 1,
        n: known + 1,
        ignore: [],
        skipped: 0,
        images: this.#images,
        counts: [...counts],
      })
      const iou = matrix.iou()
      const perClass = iou.slice(0, known)
      const hasKnown = counts.subarray(0, known * (known + 1)).some((count) => count > 0)
      const openMIoU = hasKnown ? meanOverClasses(perClass, this.absent) : Number.NaN
      return { threshold, openMIoU, unknownIoU: iou[known], perClass }
    })
  }

  #check(labels: Uint8Array, closed: Uint8Array, scores: Float32Array, image: string): void {
    const known = this.classes.length
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      if (label === IGNORE_LABEL) continue
      const isLabel = label < known || label === UNKNOWN_LABEL
      if (!isLabel || closed[i] >= known) {
        const [name, value, more] = isLabel
          ? ['closed', closed[i], '']
          : ['labels', label, `, ${UNKNOWN_LABEL} unknown or ${IGNORE_LABEL} ignore`]
        throw new DenseHybridError(
          'INVALID_ARGUMENT',
          `Value ${value} in ${name} at pixel ${i} of ${image} is out of range: expected 0 to ${known - 1}${more}.`,
          { hint: `There are ${known} known classes, numbered from 0.` },
        )
      }
      if (Number.isNaN(scores[i])) {
        throw new DenseHybridError('NON_FINITE', `The score at pixel ${i} of ${image} is NaN.`, {
          hint: 'NaN is allowed under ignored pixels only.',
        })
      }
    }
  }
}

/** How many of the ascending thresholds lie strictly below `score`. */
function countBelow(thresholds: Float64Array, score: number): number {
  let low = 0
  let high = thresholds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (thresholds[middle] < score) low = middle + 1
    else high = middle
  }
  return low
}
