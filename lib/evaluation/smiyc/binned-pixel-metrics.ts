import { DenseHybridError } from '../../errors.ts'
import { roundToHalf } from '../../float16.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from '../pixels.ts'
import { type FrameHistogram, frameHistogram, UNIFORM_RANGE } from './frame-histogram.ts'

/** Options of {@link BinnedPixelMetrics}. */
export interface BinnedPixelMetricsOptions {
  /** `adaptive`: quantiles of each image, the published metric. `uniform`: 4096 bins, for probabilities. Default `adaptive`. */
  readonly bins?: 'adaptive' | 'uniform'
  /** Round scores to float16 first, as the file of a submission does. Default true. */
  readonly float16?: boolean
}

/** Values of {@link BinnedPixelMetrics.result}; rates in [0, 1]. */
export interface BinnedPixelResult {
  /** Area under the precision–recall steps. */
  readonly ap: number
  readonly auroc: number
  /** FPR at the first point with TPR ≥ 0.95; 1 where there is none. */
  readonly fpr: number
  /** The threshold there. */
  readonly threshold: number
  /** The threshold at the first point with TPR ≥ 0.5. */
  readonly recall50Threshold: number
  /** The highest F1 of all points, and the first threshold that has it: the one for component metrics. */
  readonly bestF1: number
  readonly bestF1Threshold: number
  /** Number of points of the curve. */
  readonly points: number
  readonly positives: number
  readonly negatives: number
  readonly images: number
  /** Why values are NaN; absent where none is. */
  readonly reason?: string
}

/** The binned curve: thresholds descending. Precision is 1 where nothing is rejected. */
export interface BinnedCurve {
  readonly thresholds: readonly number[]
  readonly tpr: readonly number[]
  readonly fpr: readonly number[]
  readonly precision: readonly number[]
  readonly tp: readonly number[]
  readonly fp: readonly number[]
}

/** {@link BinnedPixelMetrics} as JSON. */
export interface BinnedPixelMetricsJson extends Required<BinnedPixelMetricsOptions> {
  readonly type: 'BinnedPixelMetrics'
  readonly version: 1
  readonly frames: readonly (FrameHistogram & { readonly image: string })[]
}

/**
 * The pixel metrics of SegmentMeIfYouCan's leaderboard. Every image is reduced to a histogram, so the values differ from
 * exact ones, by up to 0.02 in AP. Images count in the order of their names, which matters where several share their
 * highest threshold: the official code then depends on an unstable sort, this one does not.
 */
export class BinnedPixelMetrics {
  readonly bins: 'adaptive' | 'uniform'
  readonly float16: boolean
  readonly #frames = new Map<string, FrameHistogram>()

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: BinnedPixelMetricsOptions = {}) {
    checkOptionNames('BinnedPixelMetrics', options, ['bins', 'float16'])
    this.bins = checkOneOf('options.bins', options.bins ?? 'adaptive', ['adaptive', 'uniform'])
    this.float16 = options.float16 ?? true
    if (typeof this.float16 !== 'boolean') throw invalid('options.float16', 'true or false', this.float16)
  }

  /**
   * Adds one image. An image that is refused leaves no trace.
   *
   * @param scores H×W or flat, larger = more anomalous
   * @param target the same size: 1 anomaly, 0 inlier, other = void
   * @param imageName unique
   * @throws INVALID_ARGUMENT for differing sizes or a name given twice; NON_FINITE for NaN or infinity under valid
   * pixels, also where float16 makes them infinite
   */
  add(scores: Pixels<Float32Array>, target: Pixels<Uint8Array>, imageName: string): this {
    if (typeof imageName !== 'string' || imageName === '')
      throw invalid('imageName', 'the name of the image', imageName)
    if (this.#frames.has(imageName)) throw invalid('imageName', 'a name that was not added before', imageName)
    const image = imageText(imageName, this.#frames.size + 1)
    const map = checkPixels('scores', scores, [Float32Array])
    const truth = checkPixels('target', target, [Uint8Array])
    checkSameSize('scores', map, 'target', truth, image)
    const [negatives, positives] = [0, 1].map((label) => {
      const values = map.data.filter((_, i) => truth.data[i] === label)
      return this.float16 ? roundToHalf(values) : values
    })
    this.#checkScores(positives, image)
    this.#checkScores(negatives, image)
    const isEmpty = positives.length + negatives.length === 0
    const empty = { thresholds: [], positives: [], negatives: [] }
    this.#frames.set(imageName, isEmpty ? empty : frameHistogram(positives, negatives, this.bins))
    return this
  }

  /**
   * Adds the images of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` has other settings, or an image that is here, too
   */
  merge(other: BinnedPixelMetrics): this {
    if (!(other instanceof BinnedPixelMetrics) || other === this)
      throw invalid('other', 'another BinnedPixelMetrics', other)
    if (other.bins !== this.bins || other.float16 !== this.float16) {
      throw invalid('other', `metrics of ${this.bins} bins`, `${other.bins} bins, float16 ${other.float16}`)
    }
    const twice = [...other.#frames.keys()].find((image) => this.#frames.has(image))
    if (twice !== undefined) throw invalid('other', 'metrics of other images', twice)
    for (const [image, frame] of other.#frames) this.#frames.set(image, frame)
    return this
  }

  /** All points of all images. */
  curve(): BinnedCurve {
    const bins = this.#inOrder().flatMap(([, { thresholds, positives, negatives }]) =>
      thresholds.map((threshold, i) => ({ threshold, positives: positives[i], negatives: negatives[i] })),
    )
    bins.sort((a, b) => b.threshold - a.threshold) // stable
    const points: { threshold: number; tp: number; fp: number }[] = []
    let [tp, fp] = [0, 0]
    for (const [i, bin] of bins.entries()) {
      tp += bin.positives
      fp += bin.negatives
      const point = { threshold: bin.threshold, tp, fp }
      // The first bin stays by itself, then the last of every run of equal thresholds, which may be the first again.
      if (i === 0) points.push(point)
      if (i === bins.length - 1 || bins[i + 1].threshold !== bin.threshold) points.push(point)
    }
    if (points.length > 0 && (points[0].tp !== 0 || points[0].fp !== 0))
      points.unshift({ threshold: points[0].threshold + 1, tp: 0, fp: 0 })
    return {
      thresholds: points.map(({ threshold }) => threshold),
      tpr: points.map((point) => point.tp / tp),
      fpr: points.map((point) => point.fp / fp),
      precision: points.map((point) => (point.tp + point.fp === 0 ? 1 : point.tp / (point.tp + point.fp))),
      tp: points.map((point) => point.tp),
      fp: points.map((point) => point.fp),
    }
  }

  /** Metrics of the images added so far; NaN with a reason where pixels of a class are missing. */
  result(): BinnedPixelResult {
    const { thresholds, tpr, fpr, precision, tp, fp } = this.curve()
    const positives = tp.at(-1) ?? 0
    const negatives = fp.at(-1) ?? 0
    const firstReaching = (rate: number) => tpr.findIndex((value) => value >= rate)
    const at95 = firstReaching(0.95)
    const at50 = firstReaching(0.5)
    let ap = 0
    let auroc = 0
    for (let k = 1; k < tpr.length; k++) {
      ap += (tpr[k] - tpr[k - 1]) * precision[k]
      auroc += ((fpr[k] - fpr[k - 1]) * (tpr[k] + tpr[k - 1])) / 2
    }
    const f1 = tp.map((value, k) => (2 * value) / (value + fp[k] + positives)) // tp + fn = P
    const best = f1.reduce((top, value, k) => (value > f1[top] ? k : top), 0)
    const reason = whyUndefined(positives, negatives)
    return {
      ap: positives === 0 ? Number.NaN : ap,
      auroc: reason === undefined ? auroc : Number.NaN,
      fpr: reason !== undefined ? Number.NaN : at95 < 0 ? 1 : fpr[at95],
      threshold: positives === 0 ? Number.NaN : at95 < 0 ? 0 : thresholds[at95],
      recall50Threshold: positives === 0 ? Number.NaN : thresholds[at50],
      bestF1: positives === 0 ? Number.NaN : f1[best],
      bestF1Threshold: positives === 0 ? Number.NaN : thresholds[best],
      points: thresholds.length,
      positives,
      negatives,
      images: this.#frames.size,
      ...(reason === undefined ? {} : { reason }),
    }
  }

  toJSON(): BinnedPixelMetricsJson {
    const frames = this.#inOrder().map(([image, frame]) => ({ image, ...frame }))
    return { type: 'BinnedPixelMetrics', version: 1, bins: this.bins, float16: this.float16, frames }
  }

  /**
   * Takes up what {@link BinnedPixelMetrics.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: BinnedPixelMetricsJson): BinnedPixelMetrics {
    if (typeof json !== 'object' || json?.type !== 'BinnedPixelMetrics' || json.version !== 1) {
      throw invalid('json', 'BinnedPixelMetrics of version 1, as written by toJSON()', json?.type ?? json)
    }
    const { bins, float16, frames } = json
    if (!Array.isArray(frames)) throw invalid('json.frames', 'an array of images', frames)
    const metrics = new BinnedPixelMetrics({ bins, float16 })
    for (const [i, frame] of (frames as typeof json.frames).entries()) {
      const { image, thresholds, positives, negatives } = Object(frame) as (typeof json.frames)[number]
      const where = `json.frames[${i}]`
      const areLists = [positives, negatives].every(
        (list) => Array.isArray(list) && Array.isArray(thresholds) && list.length === thresholds.length,
      )
      if (typeof image !== 'string' || image === '' || !areLists)
        throw invalid(where, '{ image, thresholds, positives, negatives }', frame)
      if (metrics.#frames.has(image)) throw invalid(`${where}.image`, 'every image once', image)
      const descend = thresholds.every(
        (value, k) => Number.isFinite(value) && (k === 0 || value < thresholds[k - 1]),
      )
      if (!descend) throw invalid(`${where}.thresholds`, 'descending numbers', thresholds)
      for (const count of [...positives, ...negatives]) checkInteger(`${where} counts`, count, 0)
      metrics.#frames.set(image, { thresholds, positives, negatives })
    }
    return metrics
  }

  #inOrder(): [string, FrameHistogram][] {
    return [...this.#frames].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  #checkScores(scores: Float32Array, image: string): void {
    const bad = scores.filter((score) => !Number.isFinite(score)).length
    if (bad > 0) {
      const how = this.float16 ? ' as float16' : ''
      throw new DenseHybridError(
        'NON_FINITE',
        `${bad} of ${scores.length} valid scores in ${image} are not finite${how}.`,
        { hint: 'float16 ends at ±65504; NaN is allowed under void pixels only.' },
      )
    }
    if (this.bins === 'adaptive') return
    const [low, high] = UNIFORM_RANGE
    const outside = scores.find((score) => score < low || score > high)
    if (outside !== undefined)
      throw invalid(`scores of ${image}`, `probabilities, ${low} to ${high}, for uniform bins`, outside)
  }
}

function whyUndefined(positives: number, negatives: number): string | undefined {
  if (positives === 0 && negatives === 0) return 'there is no valid pixel'
  if (positives === 0) return 'there is no anomaly pixel'
  return negatives === 0 ? 'there is no inlier pixel' : undefined
}
