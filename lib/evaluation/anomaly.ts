import { DenseHybridError } from '../errors.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { areaUnderRoc, averagePrecision, buildCurve, type ThresholdCurve } from './curve.ts'
import { checkConvention, type FprConvention, pointAtTpr } from './operating-point.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from './pixels.ts'
import { bitsOfScores, isNonFiniteBits, keyFromBits } from './score-keys.ts'
import { ScoreStore, type ScoreStoreJson } from './score-store.ts'

/** Options of {@link AnomalyMetrics}. */
export interface AnomalyMetricsOptions {
  /** Which "FPR at a TPR" is reported. Default `a`. */
  readonly convention?: FprConvention
  /** The TPR at which the FPR is reported, in (0, 1]. Default 0.95. */
  readonly tpr?: number
  /** `result()` throws EMPTY where a value is undefined, instead of returning NaN with a reason. Default false. */
  readonly strict?: boolean
  /** NaN or infinite scores under valid pixels: refuse the image, or leave these pixels out and count them. Default `error`. */
  readonly nonFinite?: 'error' | 'ignore'
}

/** Pixel-wise anomaly detection, pooled over all pixels of all images. Rates are in [0, 1]. */
export interface AnomalyResult {
  /** Average precision: step function, anomaly is the positive class. 1 without inlier, NaN without anomaly pixels. */
  readonly ap: number
  /** Area under the ROC curve. */
  readonly auroc: number
  /** False positive rate at `targetTpr` under `convention`. */
  readonly fpr: number
  readonly convention: FprConvention
  readonly targetTpr: number
  /** The TPR that `threshold` has, counting score ≥ threshold. */
  readonly tpr: number
  /** The score at which `fpr` was read; NaN with convention `d`, whose point is interpolated. */
  readonly threshold: number
  /** Number of anomaly pixels. */
  readonly positives: number
  /** Number of inlier pixels. */
  readonly negatives: number
  /** Number of pixels left out by their target. */
  readonly ignored: number
  /** Number of valid pixels left out because their score is not finite; 0 unless `nonFinite` is `ignore`. */
  readonly nonFinite: number
  /** Number of images added. */
  readonly images: number
  /** Why some of the values above are NaN; absent where none is for want of pixels. */
  readonly reason?: string
}

/** {@link AnomalyMetrics} as JSON. */
export interface AnomalyMetricsJson extends Required<AnomalyMetricsOptions> {
  readonly type: 'AnomalyMetrics'
  readonly version: 1
  readonly images: number
  readonly ignored: number
  readonly nonFiniteCount: number
  readonly positives: ScoreStoreJson
  readonly negatives: ScoreStoreJson
}

const OPTION_NAMES = ['convention', 'tpr', 'strict', 'nonFinite'] as const

/**
 * Exact, streaming AP, AUROC and FPR at a TPR over pixels. Larger score = more anomalous. Pixels of equal score are one
 * threshold (−0 equals +0), denormals are distinct. Memory follows the number of distinct scores.
 *
 * @example
 * const metrics = new AnomalyMetrics({ convention: 'a', tpr: 0.95 })
 * metrics.add(new Float32Array([0.9, 0.4, 0.2, 0.1]), new Uint8Array([1, 0, 1, 0]), 'street-1')
 * metrics.result() // { ap: 0.8333333333333333, auroc: 0.75, fpr: 0.5, convention: 'a', threshold: 0.20000000298023224, … }
 */
export class AnomalyMetrics {
  readonly convention: FprConvention
  readonly tpr: number
  readonly strict: boolean
  readonly nonFinite: 'error' | 'ignore'
  #positives = new ScoreStore()
  #negatives = new ScoreStore()
  #images = 0
  #ignored = 0
  #nonFiniteCount = 0
  #result: AnomalyResult | undefined

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: AnomalyMetricsOptions = {}) {
    checkOptionNames('AnomalyMetrics', options, OPTION_NAMES)
    this.convention = options.convention ?? 'a'
    this.tpr = options.tpr ?? 0.95
    checkConvention('options.convention', this.convention, 'options.tpr', this.tpr)
    this.strict = options.strict ?? false
    if (typeof this.strict !== 'boolean') throw invalid('options.strict', 'true or false', this.strict)
    this.nonFinite = checkOneOf('options.nonFinite', options.nonFinite ?? 'error', ['error', 'ignore'])
  }

  /**
   * Adds one image, or several of them as one. An image that is refused leaves no trace.
   *
   * @param scores N×H×W or flat, float32
   * @param target the same size: 1 anomaly, 0 inlier, any other value is left out (its score may be NaN)
   * @param imageName for error messages
   * @throws INVALID_ARGUMENT for another type or differing sizes; NON_FINITE for NaN or infinity under valid pixels
   */
  add(scores: Pixels<Float32Array>, target: Pixels<Uint8Array>, imageName?: string): this {
    const image = imageText(imageName, this.#images + 1)
    const checkedScores = checkPixels('scores', scores, [Float32Array])
    const checkedTarget = checkPixels('target', target, [Uint8Array])
    checkSameSize('scores', checkedScores, 'target', checkedTarget, image)
    const bits = bitsOfScores(checkedScores.data)
    const labels = checkedTarget.data
    const counts = countPixels(bits, labels)
    if (counts.nonFinite > 0 && this.nonFinite === 'error') {
      throw nonFiniteError(checkedScores.data, labels, counts, image)
    }
    const positiveKeys = new Int32Array(counts.positives)
    const negativeKeys = new Int32Array(counts.negatives)
    let p = 0
    let q = 0
    for (let i = 0; i < bits.length; i++) {
      const label = labels[i]
      if (label > 1 || isNonFiniteBits(bits[i])) continue
      if (label === 1) positiveKeys[p++] = keyFromBits(bits[i])
      else negativeKeys[q++] = keyFromBits(bits[i])
    }
    this.#positives.push(positiveKeys)
    this.#negatives.push(negativeKeys)
    this.#images++
    this.#ignored += counts.ignored
    this.#nonFiniteCount += counts.nonFinite
    this.#result = undefined
    return this
  }

  /**
   * Adds all pixels of `other`, as if its images had been added here; `other` stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object, no AnomalyMetrics, or reports another convention or TPR
   */
  merge(other: AnomalyMetrics): this {
    if (!(other instanceof AnomalyMetrics) || other === this)
      throw invalid('other', 'another AnomalyMetrics', other)
    if (other.convention !== this.convention || other.tpr !== this.tpr) {
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `Cannot merge metrics of convention ${other.convention} at TPR ${other.tpr} into convention ${this.convention} at TPR ${this.tpr}.`,
        { hint: 'Create both with the same options.' },
      )
    }
    this.#positives.merge(other.#positives)
    this.#negatives.merge(other.#negatives)
    this.#images += other.#images
    this.#ignored += other.#ignored
    this.#nonFiniteCount += other.#nonFiniteCount
    this.#result = undefined
    return this
  }

  /** Exact counts at every distinct score, highest first; empty where no valid pixel was added. */
  curve(): ThresholdCurve {
    return buildCurve(this.#positives, this.#negatives)
  }

  /**
   * All metrics of the pixels added so far. Values that need pixels which are not there are NaN and `reason` says why.
   *
   * @throws EMPTY instead, where `strict` is set
   */
  result(): AnomalyResult {
    this.#result ??= this.#compute()
    const { reason } = this.#result
    if (this.strict && reason !== undefined) {
      throw new DenseHybridError('EMPTY', `Metrics are undefined: ${reason}.`, {
        hint: 'Check the targets (1 anomaly, 0 inlier), or leave out `strict` to get NaN with the reason.',
      })
    }
    return this.#result
  }

  /** Everything needed to go on elsewhere: distinct scores and how often each occurs. */
  toJSON(): AnomalyMetricsJson {
    return {
      type: 'AnomalyMetrics',
      version: 1,
      convention: this.convention,
      tpr: this.tpr,
      strict: this.strict,
      nonFinite: this.nonFinite,
      images: this.#images,
      ignored: this.#ignored,
      nonFiniteCount: this.#nonFiniteCount,
      positives: this.#positives.toJSON(),
      negatives: this.#negatives.toJSON(),
    }
  }

  /**
   * Takes up what {@link AnomalyMetrics.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: AnomalyMetricsJson): AnomalyMetrics {
    if (typeof json !== 'object' || json?.type !== 'AnomalyMetrics' || json.version !== 1) {
      throw invalid('json', 'AnomalyMetrics of version 1, as written by toJSON()', json?.type ?? json)
    }
    const { convention, tpr, strict, nonFinite } = json
    const metrics = new AnomalyMetrics({ convention, tpr, strict, nonFinite })
    metrics.#images = checkInteger('json.images', json.images, 0)
    metrics.#ignored = checkInteger('json.ignored', json.ignored, 0)
    metrics.#nonFiniteCount = checkInteger('json.nonFiniteCount', json.nonFiniteCount, 0)
    metrics.#positives = ScoreStore.fromJSON('json.positives', json.positives)
    metrics.#negatives = ScoreStore.fromJSON('json.negatives', json.negatives)
    return metrics
  }

  #compute(): AnomalyResult {
    const curve = this.curve()
    const undefinedPoint = { threshold: Number.NaN, tpr: Number.NaN, fpr: Number.NaN }
    const point = curve.positives === 0 ? undefinedPoint : pointAtTpr(curve, this.tpr, this.convention)
    const result: AnomalyResult = {
      ap: averagePrecision(curve),
      auroc: areaUnderRoc(curve),
      fpr: point.fpr,
      convention: this.convention,
      targetTpr: this.tpr,
      tpr: point.tpr,
      threshold: point.threshold,
      positives: curve.positives,
      negatives: curve.negatives,
      ignored: this.#ignored,
      nonFinite: this.#nonFiniteCount,
      images: this.#images,
    }
    const reason = undefinedReason(curve)
    return reason === undefined ? result : { ...result, reason }
  }
}

/** Why a curve has no AP, AUROC or FPR; undefined where it has all of them. */
export function undefinedReason({ positives, negatives }: ThresholdCurve): string | undefined {
  if (positives === 0 && negatives === 0) return 'there is no valid pixel'
  if (positives === 0) return 'there is no anomaly pixel, so AP, AUROC, TPR and FPR at a TPR are undefined'
  if (negatives === 0) return 'there is no inlier pixel, so AUROC and FPR are undefined'
  return undefined
}

interface PixelCounts {
  readonly positives: number
  readonly negatives: number
  readonly ignored: number
  readonly nonFinite: number
}

function countPixels(bits: Int32Array, labels: Uint8Array): PixelCounts {
  let positives = 0
  let negatives = 0
  let nonFinite = 0
  for (let i = 0; i < bits.length; i++) {
    const label = labels[i]
    if (label > 1) continue
    if (isNonFiniteBits(bits[i])) nonFinite++
    else if (label === 1) positives++
    else negatives++
  }
  return { positives, negatives, ignored: bits.length - positives - negatives - nonFinite, nonFinite }
}

function nonFiniteError(
  scores: Float32Array,
  labels: Uint8Array,
  counts: PixelCounts,
  image: string,
): DenseHybridError {
  let nan = 0
  for (let i = 0; i < scores.length; i++) if (labels[i] <= 1 && Number.isNaN(scores[i])) nan++
  const valid = scores.length - counts.ignored
  return new DenseHybridError(
    'NON_FINITE',
    `${counts.nonFinite} of ${valid} valid scores in ${image} are not finite (${nan} NaN, ${counts.nonFinite - nan} infinite).`,
    {
      hint: "NaN is allowed under ignored pixels only; { nonFinite: 'ignore' } leaves such pixels out and counts them.",
    },
  )
}
