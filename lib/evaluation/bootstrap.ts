import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { binBounds, type Range } from './bin-bounds.ts'
import {
  countOf,
  type ImageRecord,
  type ImageRecordJson,
  recordFromJson,
  recordOf,
  recordToJson,
} from './bootstrap-records.ts'
import {
  checkImageName,
  columnOf,
  type Interval,
  intervalOf,
  intervalReason,
  sortedByName,
} from './intervals.ts'
import { checkConvention, type FprConvention } from './operating-point.ts'
import type { Pixels } from './pixels.ts'
import { type CurveTask, curveOfAll, packColumns, valuesOfAll } from './resampling.ts'
import { type BootstrapOptions, checkBootstrap, resample } from './resampling-run.ts'

/** Options of {@link BootstrapMetrics}. */
export interface BootstrapMetricsOptions {
  /** The TPR at which the FPR is reported, in (0, 1]. Default 0.95. */
  readonly tpr?: number
  /** Which "FPR at a TPR" is reported, not `f`. Default `a`. */
  readonly convention?: FprConvention
  /** How many of the highest bits of a score tell bins apart, 10 to 20. Default 18: a bin is 2^−9 of its scores wide. */
  readonly bits?: number
}

/** A value computed from binned scores. */
export interface BinnedInterval extends Interval {
  /** The most by which binning can change the estimate; see `binBounds`. */
  readonly binning: number
}

/** What {@link BootstrapMetrics.intervals} returns. Rates are in [0, 1]. */
export interface BootstrapResult {
  readonly ap: BinnedInterval
  readonly auroc: BinnedInterval
  readonly fpr: BinnedInterval
  readonly tpr: number
  readonly convention: FprConvention
  readonly images: number
  readonly resamples: number
  /** Resamples without anomaly pixels, or without inlier pixels: left out of the intervals, not drawn again. */
  readonly undefinedResamples: number
  readonly confidence: number
  readonly seed: number
  /** Why the intervals are NaN; absent where they are not. */
  readonly reason?: string
}

/** {@link BootstrapMetrics} as JSON. */
export interface BootstrapMetricsJson extends Required<BootstrapMetricsOptions> {
  readonly type: 'BootstrapMetrics'
  readonly version: 1
  readonly images: readonly ImageRecordJson[]
}

const OPTION_NAMES = ['tpr', 'convention', 'bits']

/**
 * Confidence intervals of pooled AP, AUROC and FPR at a TPR by resampling images. Pixels of one image depend on each
 * other, so that whole images are drawn, with replacement (percentile bootstrap). Each image is kept as the counts of
 * its scores in bins; the bins are so narrow that they hardly change a value, and `binning` says by how much at most.
 *
 * @example
 * const metrics = new BootstrapMetrics({ tpr: 0.95, convention: 'a' })
 * for (const { id, scores, target } of images) metrics.add(scores, target, id)
 * const { ap } = await metrics.intervals({ resamples: 1000, seed: 1 })
 * // ap: { estimate: 0.7421, low: 0.7003, high: 0.7816, standardError: 0.0207, binning: 0.0001 }
 */
export class BootstrapMetrics {
  readonly tpr: number
  readonly convention: FprConvention
  readonly bits: number
  readonly #records = new Map<string, ImageRecord>()

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: BootstrapMetricsOptions = {}) {
    checkOptionNames('BootstrapMetrics', options, OPTION_NAMES)
    this.tpr = options.tpr ?? 0.95
    this.convention = options.convention ?? 'a'
    checkConvention('options.convention', this.convention, 'options.tpr', this.tpr)
    if (this.convention === 'f')
      throw invalid(
        'options.convention',
        'a, b, c, d or e',
        'f',
        'Bins do not tell which scores a sigmoid makes equal.',
      )
    this.bits = checkInteger('options.bits', options.bits ?? 18, 10, 20)
  }

  /** Names of the images added so far, sorted. */
  get images(): string[] {
    return sortedByName(this.#records).map(([name]) => name)
  }

  /**
   * Adds one image. An image that is refused leaves no trace.
   *
   * @param scores H×W or flat, float32, larger = more anomalous
   * @param target the same size: 1 anomaly, 0 inlier, any other value is left out (its score may be NaN)
   * @param imageName unique; the images are drawn in the order of their names
   * @throws INVALID_ARGUMENT for a name that was added before, another type or differing sizes; NON_FINITE for NaN or
   * infinity under valid pixels
   */
  add(scores: Pixels<Float32Array>, target: Pixels<Uint8Array>, imageName: string): this {
    const name = checkImageName(imageName, this.#records)
    this.#records.set(name, recordOf(scores, target, this.bits, name))
    return this
  }

  /**
   * Adds all images of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object, has other options, or holds an image that is here already
   */
  merge(other: BootstrapMetrics): this {
    if (!(other instanceof BootstrapMetrics) || other === this)
      throw invalid('other', 'another BootstrapMetrics', other)
    const text = ({ tpr, convention, bits }: BootstrapMetrics) =>
      `${bits} bits, convention ${convention} at TPR ${tpr}`
    if (text(other) !== text(this)) throw invalid('other', `metrics of ${text(this)}`, text(other))
    for (const name of other.#records.keys()) checkImageName(name, this.#records)
    for (const [name, record] of other.#records) this.#records.set(name, record)
    return this
  }

  /**
   * The value of all images and its interval, for AP, AUROC and FPR.
   *
   * @throws DenseHybridError INVALID_ARGUMENT, ABORTED
   */
  async intervals(options: BootstrapOptions = {}): Promise<BootstrapResult> {
    const settings = checkBootstrap('intervals', options)
    const { resamples, confidence, seed } = settings
    const task = this.resamplingTask()
    const estimates = valuesOfAll(task)
    const bounds = binBounds(curveOfAll(task), this.tpr, this.convention)
    const reason = undefinedReason(task)
    const drawn = reason === undefined ? await resample(task, settings) : new Float64Array(0)
    const interval = (column: number, [lowest, highest]: Range) => ({
      ...intervalOf(estimates[column], columnOf(drawn, column, 3), confidence),
      binning: Math.max(estimates[column] - lowest, highest - estimates[column]),
    })
    return {
      ap: interval(0, bounds.ap),
      auroc: interval(1, bounds.auroc),
      fpr: interval(2, bounds.fpr),
      tpr: this.tpr,
      convention: this.convention,
      images: this.#records.size,
      resamples,
      undefinedResamples: columnOf(drawn, 0, 3).filter(Number.isNaN).length,
      confidence,
      seed,
      ...(reason !== undefined && { reason }),
    }
  }

  toJSON(): BootstrapMetricsJson {
    const { tpr, convention, bits } = this
    const images = sortedByName(this.#records).map(([name, record]) => recordToJson(name, record))
    return { type: 'BootstrapMetrics', version: 1, tpr, convention, bits, images }
  }

  /**
   * Takes up what {@link BootstrapMetrics.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: BootstrapMetricsJson): BootstrapMetrics {
    if (typeof json !== 'object' || json?.type !== 'BootstrapMetrics' || json.version !== 1) {
      throw invalid('json', 'BootstrapMetrics of version 1, as written by toJSON()', json?.type ?? json)
    }
    const { tpr, convention, bits, images } = json
    const metrics = new BootstrapMetrics({ tpr, convention, bits })
    if (!Array.isArray(images)) throw invalid('json.images', 'an array', images)
    for (const [i, image] of images.entries()) {
      const name = checkImageName(image?.name, metrics.#records)
      metrics.#records.set(name, recordFromJson(`json.images[${i}]`, image, metrics.bits))
    }
    return metrics
  }

  /** Number of anomaly and of inlier pixels of every image, by name. */
  pixelCounts(): Map<string, { readonly positives: number; readonly negatives: number }> {
    const entries = sortedByName(this.#records).map(
      ([name, { positives, negatives }]) =>
        [name, { positives: countOf(positives), negatives: countOf(negatives) }] as const,
    )
    return new Map(entries)
  }

  /** What a resampling needs: the images in the order of their names, their bins as columns, the highest first. */
  resamplingTask(): CurveTask {
    const records = sortedByName(this.#records).map(([, record]) => record)
    let lowest = Infinity
    let highest = -Infinity
    for (const { positives, negatives } of records) {
      for (const { bins } of [positives, negatives]) {
        if (bins.length === 0) continue
        lowest = Math.min(lowest, bins[0])
        highest = Math.max(highest, bins[bins.length - 1])
      }
    }
    const columns = new Int32Array(Math.max(0, highest - lowest + 1)).fill(-1)
    for (const { positives, negatives } of records) {
      for (const bin of positives.bins) columns[bin - lowest] = 0
      for (const bin of negatives.bins) columns[bin - lowest] = 0
    }
    let width = 0
    for (let i = columns.length - 1; i >= 0; i--) if (columns[i] === 0) columns[i] = width++
    const rows = (kind: 'positives' | 'negatives') =>
      packColumns(
        records.map((record) => ({
          columns: record[kind].bins.map((bin) => columns[bin - lowest]),
          counts: record[kind].counts,
        })),
        width,
      )
    const { tpr, convention } = this
    const [positives, negatives] = [rows('positives'), rows('negatives')]
    return { kind: 'curve', images: records.length, positives, negatives, tpr, convention }
  }
}

/** Why a task has no intervals; undefined where it has. */
export function undefinedReason({ images, positives, negatives }: CurveTask): string | undefined {
  if (images > 0 && positives.counts.length === 0) return 'there is no anomaly pixel'
  if (images > 0 && negatives.counts.length === 0) return 'there is no inlier pixel'
  return intervalReason(images)
}
