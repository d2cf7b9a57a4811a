import { DenseHybridError } from '../errors.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { type BinBounds, binBounds } from './bin-bounds.ts'
import { areaUnderRoc, averagePrecision, buildCurve, type ThresholdCurve } from './curve.ts'
import { type GroupedKeys, KeyGrouper } from './group-keys.ts'
import { checkConvention, FPR_CONVENTIONS, type FprConvention, pointAtTpr } from './operating-point.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from './pixels.ts'
import { bitsOfScores } from './score-keys.ts'
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
  /**
   * 32, the default, keeps all scores apart. From 8 to 31: scores that agree in the highest bits of their float32 are
   * one bin, so that memory does not grow with the number of pixels (about 12 · 2^bits bytes), and `bounds` says
   * what that can cost. 16 bits tell scores apart that differ by 2^−7 of their size, 20 bits by 2^−11, about as float16 does.
   */
  readonly bits?: number
}

/** Pixel-wise anomaly detection, pooled over all pixels of all images. Rates are in [0, 1]. */
export interface AnomalyResult {
  /** Average precision: step function, anomaly is the positive class. 1 without inlier, NaN without anomaly pixels. */
  readonly ap: number
  /** Area under the ROC curve. */
  readonly auroc: number
  /** False positive rate at `targetTpr` under `convention`. */
  readonly fpr: number
  /** The same rate under every convention. */
  readonly fprByConvention: Readonly<Record<FprConvention, number>>
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
  /** Between which values AP, AUROC and FPR lie, see `BinBounds`; absent where all scores were kept apart. */
  readonly bounds?: BinBounds
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

/** Shared by all: what it gives is used up before the next image comes. */
const grouper = new KeyGrouper()

const OPTION_NAMES = ['convention', 'tpr', 'strict', 'nonFinite', 'bits'] as const

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
  readonly bits: number
  #positives: ScoreStore
  #negatives: ScoreStore
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
    this.bits = checkInteger('options.bits', options.bits ?? 32, 8, 32)
    this.#positives = new ScoreStore(this.bits)
    this.#negatives = new ScoreStore(this.bits)
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
    const counts = grouper.group(bits, labels)
    if (counts.nonFinite > 0 && this.nonFinite === 'error') {
      throw nonFiniteError(checkedScores.data, labels, counts, image)
    }
    this.#positives.push(counts.positives)
    this.#negatives.push(counts.negatives)
    this.#images++
    this.#ignored += counts.ignored
    this.#nonFiniteCount += counts.nonFinite
    this.#result = undefined
    return this
  }

  /**
   * Adds all pixels of `other`, as if its images had been added here; `other` stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object, no AnomalyMetrics, or has another convention, TPR or number of bits
   */
  merge(other: AnomalyMetrics): this {
    if (!(other instanceof AnomalyMetrics) || other === this)
      throw invalid('other', 'another AnomalyMetrics', other)
    if (other.convention !== this.convention || other.tpr !== this.tpr || other.bits !== this.bits) {
      const text = ({ convention, tpr, bits }: AnomalyMetrics) =>
        `convention ${convention} at TPR ${tpr} with ${bits} bits`
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `Cannot merge metrics of ${text(other)} into ${text(this)}.`,
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
      bits: this.bits,
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
    const { convention, tpr, strict, nonFinite, bits } = json
    const metrics = new AnomalyMetrics({ convention, tpr, strict, nonFinite, bits })
    metrics.#images = checkInteger('json.images', json.images, 0)
    metrics.#ignored = checkInteger('json.ignored', json.ignored, 0)
    metrics.#nonFiniteCount = checkInteger('json.nonFiniteCount', json.nonFiniteCount, 0)
    metrics.#positives = ScoreStore.fromJSON('json.positives', json.positives, metrics.bits)
    metrics.#negatives = ScoreStore.fromJSON('json.negatives', json.negatives, metrics.bits)
    return metrics
  }

  #compute(): AnomalyResult {
    const curve = this.curve()
    const pointOf = (convention: FprConvention) =>
      curve.positives === 0 || (convention === 'a' && this.tpr === 1)
        ? { threshold: Number.NaN, tpr: Number.NaN, fpr: Number.NaN }
        : pointAtTpr(curve, this.tpr, convention)
    const point = pointOf(this.convention)
    const byConvention = FPR_CONVENTIONS.map((convention) => [convention, pointOf(convention).fpr] as const)
    const result: AnomalyResult = {
      ap: averagePrecision(curve),
      auroc: areaUnderRoc(curve),
      fpr: point.fpr,
      fprByConvention: Object.fromEntries(byConvention) as Record<FprConvention, number>,
      convention: this.convention,
      targetTpr: this.tpr,
      tpr: point.tpr,
      threshold: point.threshold,
      positives: curve.positives,
      negatives: curve.negatives,
      ignored: this.#ignored,
      nonFinite: this.#nonFiniteCount,
      images: this.#images,
      ...(this.bits < 32 && { bounds: binBounds(curve, this.tpr, this.convention) }),
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

function nonFiniteError(
  scores: Float32Array,
  labels: Uint8Array,
  counts: GroupedKeys,
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
