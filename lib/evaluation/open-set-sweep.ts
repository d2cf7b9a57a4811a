import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseHybridError } from '../errors.ts'
import { checkOptionNames, invalid } from '../validate.ts'
import { OpenSetMetrics, type OpenSetMetricsOptions, type OpenSetResult } from './open-set.ts'
import { firstIndex } from './operating-point.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from './pixels.ts'

/** Options of {@link OpenSetSweep}. */
export interface OpenSetSweepOptions extends Omit<OpenSetMetricsOptions, 'strict'> {
  /** Thresholds in any order; −Infinity and Infinity are allowed, NaN is not. */
  readonly thresholds: readonly number[]
}

/** One image of a sweep; all H×W or flat, of one size. */
export interface SweptImage {
  /** Truth: 0 … K−1, UNKNOWN_LABEL (254) for anomalies, IGNORE_LABEL (255). */
  readonly labels: Pixels<Uint8Array>
  /** Closed-set prediction: 0 … K−1; not looked at where the truth is ignored. */
  readonly closed: Pixels<Uint8Array>
  /** Larger = more anomalous; may be NaN where the truth is ignored. */
  readonly scores: Pixels<Float32Array>
}

/** Open-set segmentation at one threshold. */
export interface SweepPoint extends OpenSetResult {
  /** Pixels with score > threshold are unknown. */
  readonly threshold: number
  /** Share of the anomaly pixels with score > threshold; NaN without anomaly pixels. */
  readonly tpr: number
  /** Share of the pixels of known classes with score > threshold; NaN without such pixels. */
  readonly fpr: number
}

/** More counters than this would take over 1 GB. */
const MAX_COUNTERS = 2 ** 27

/**
 * Open-set segmentation at many thresholds τ from one pass over the images. At each of them the result is that of
 * {@link OpenSetMetrics} with the open-set prediction `score > τ ? K : closed`.
 *
 * @example
 * const sweep = new OpenSetSweep({ classes: ['road', 'car'], thresholds: [0, 1] })
 * sweep.add({
 *   labels: new Uint8Array([0, 0, 1, 254]),
 *   closed: new Uint8Array([0, 0, 1, 1]),
 *   scores: new Float32Array([-1, 0.5, 0, 2]),
 * })
 * sweep.result().map(({ openMIoU, tpr }) => [openMIoU, tpr]) // [[0.75, 1], [1, 1]]
 */
export class OpenSetSweep {
  readonly classes: readonly string[]
  readonly thresholds: readonly number[]
  readonly absent: 'skip' | 'zero'
  /** Ascending. */
  readonly #sorted: Float64Array
  /** counts[truth][closed prediction][number of thresholds below the score], truth K = unknown. */
  readonly #counts: Float64Array
  #images = 0

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: OpenSetSweepOptions) {
    if (typeof options !== 'object' || options === null)
      throw invalid('options', '{ classes, thresholds, … }', options)
    checkOptionNames('OpenSetSweep', options, ['classes', 'thresholds', 'absent'])
    const { classes, thresholds, absent } = options
    const metrics = new OpenSetMetrics({ classes, absent })
    this.classes = metrics.classes
    this.absent = metrics.absent
    const isThreshold = (value: unknown) => typeof value === 'number' && !Number.isNaN(value)
    if (!Array.isArray(thresholds) || thresholds.length === 0 || !thresholds.every(isThreshold))
      throw invalid('options.thresholds', 'one or more numbers', thresholds)
    this.thresholds = [...thresholds]
    this.#sorted = Float64Array.from(thresholds).sort()
    const known = this.classes.length
    const counters = (known + 1) * known * (thresholds.length + 1)
    if (counters > MAX_COUNTERS) {
      const most = Math.floor(MAX_COUNTERS / ((known + 1) * known)) - 1
      throw invalid(
        'options.thresholds',
        `at most ${most} thresholds with ${known} classes`,
        thresholds.length,
      )
    }
    this.#counts = new Float64Array(counters)
  }

  /**
   * Adds one image, or several as one. An image that is refused leaves no trace.
   *
   * @param imageName for error messages
   * @throws INVALID_ARGUMENT for a missing part, differing sizes, or a label out of range; NON_FINITE for NaN scores
   * where the truth is not ignored
   */
  add(image: SweptImage, imageName?: string): this {
    if (typeof image !== 'object' || image === null)
      throw invalid('image', '{ labels, closed, scores }', image)
    const name = imageText(imageName, this.#images + 1)
    const labels = checkPixels('labels', image.labels, [Uint8Array])
    const closed = checkPixels('closed', image.closed, [Uint8Array])
    const scores = checkPixels('scores', image.scores, [Float32Array])
    checkSameSize('labels', labels, 'closed', closed, name)
    checkSameSize('labels', labels, 'scores', scores, name)
    this.#check(labels.data, closed.data, scores.data, name)
    this.#count(labels.data, closed.data, scores.data)
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
    if (JSON.stringify(other.classes) !== JSON.stringify(this.classes))
      throw invalid('other', `a sweep of the classes ${this.classes.join(', ')}`, other.classes)
    const sameThresholds =
      other.#sorted.length === this.#sorted.length && other.#sorted.every((t, i) => t === this.#sorted[i])
    if (!sameThresholds) throw invalid('other', 'a sweep of the same thresholds', other.thresholds)
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] += other.#counts[i]
    this.#images += other.#images
    return this
  }

  /** One result for each threshold, in the order in which they were given. */
  result(): SweepPoint[] {
    const buckets = this.#sorted.length + 1
    const cumulative = this.#counts.slice()
    for (let i = 0; i < cumulative.length; i++) if (i % buckets > 0) cumulative[i] += cumulative[i - 1]
    return this.thresholds.map((threshold) => this.#at(threshold, cumulative))
  }

  /** `cumulative` are the counts, each with those of the buckets below it. */
  #at(threshold: number, cumulative: Float64Array): SweepPoint {
    const known = this.classes.length
    const buckets = this.#sorted.length + 1
    const index = firstIndex(this.#sorted.length, (j) => this.#sorted[j] >= threshold)
    const closed = new Float64Array(known * known)
    const open = new Float64Array((known + 1) * (known + 1))
    const rejected = [0, 0]
    const all = [0, 0]
    for (let truth = 0; truth <= known; truth++) {
      const kind = truth === known ? 1 : 0
      for (let predicted = 0; predicted < known; predicted++) {
        const start = (truth * known + predicted) * buckets
        const below = cumulative[start + index]
        const above = cumulative[start + buckets - 1] - below
        if (truth < known) closed[truth * known + predicted] = below + above
        open[truth * (known + 1) + predicted] = below
        open[truth * (known + 1) + known] += above
        rejected[kind] += above
        all[kind] += below + above
      }
    }
    const matrix = (n: number, ignore: number[], counts: Float64Array) =>
      ({
        type: 'ConfusionMatrix',
        version: 1,
        n,
        ignore,
        skipped: 0,
        images: 0,
        counts: [...counts],
      }) as const
    const metrics = OpenSetMetrics.fromJSON({
      type: 'OpenSetMetrics',
      version: 1,
      classes: this.classes,
      absent: this.absent,
      strict: false,
      images: this.#images,
      closed: matrix(known, [UNKNOWN_LABEL, IGNORE_LABEL], closed),
      open: matrix(known + 1, [IGNORE_LABEL], open),
    })
    return { threshold, tpr: rejected[1] / all[1], fpr: rejected[0] / all[0], ...metrics.result() }
  }

  #check(labels: Uint8Array, closed: Uint8Array, scores: Float32Array, image: string): void {
    const known = this.classes.length
    const classes = `There are ${known} known classes, numbered from 0.`
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      if (label === IGNORE_LABEL) continue
      if (label >= known && label !== UNKNOWN_LABEL) {
        const expected = `0 to ${known - 1}, ${UNKNOWN_LABEL} unknown or ${IGNORE_LABEL} ignore`
        throw pixelError('INVALID_ARGUMENT', 'labels', label, i, image, expected, classes)
      }
      if (closed[i] >= known)
        throw pixelError('INVALID_ARGUMENT', 'closed', closed[i], i, image, `0 to ${known - 1}`, classes)
      if (Number.isNaN(scores[i])) {
        const hint = `NaN is allowed only where the truth is ${IGNORE_LABEL}, ignore.`
        throw pixelError('NON_FINITE', 'scores', scores[i], i, image, 'a number', hint)
      }
    }
  }

  #count(labels: Uint8Array, closed: Uint8Array, scores: Float32Array): void {
    const known = this.classes.length
    const sorted = this.#sorted
    const counts = this.#counts
    const buckets = sorted.length + 1
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      if (label === IGNORE_LABEL) continue
      const score = scores[i]
      let low = 0
      let high = sorted.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (sorted[middle] < score) low = middle + 1
        else high = middle
      }
      const truth = label === UNKNOWN_LABEL ? known : label
      counts[(truth * known + closed[i]) * buckets + low]++
    }
  }
}

function pixelError(
  code: 'INVALID_ARGUMENT' | 'NON_FINITE',
  name: string,
  value: number,
  index: number,
  image: string,
  expected: string,
  hint: string,
): DenseHybridError {
  return new DenseHybridError(
    code,
    `Value ${value} in ${name} at pixel ${index} of ${image} is out of range: expected ${expected}.`,
    { hint },
  )
}
