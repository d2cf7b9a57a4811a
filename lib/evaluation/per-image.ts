import { DenseHybridError } from '../errors.ts'
import { checkInteger, checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { AnomalyMetrics, type AnomalyMetricsOptions, type AnomalyResult } from './anomaly.ts'
import { meanSkippingNaN } from './confusion.ts'
import { checkConvention, FPR_CONVENTIONS, type FprConvention } from './operating-point.ts'
import type { Pixels } from './pixels.ts'

/** One image by itself; values that need pixels which are not there are NaN, and `reason` says why. */
export interface ImageAnomalyResult
  extends Pick<
    AnomalyResult,
    | 'ap'
    | 'auroc'
    | 'fpr'
    | 'fprByConvention'
    | 'positives'
    | 'negatives'
    | 'ignored'
    | 'nonFinite'
    | 'reason'
  > {
  readonly image: string
}

/** Means over images; NaN where no image has the value. */
export interface ImageMeans {
  readonly ap: number
  readonly auroc: number
  /** At the TPR and under the convention of the metrics. */
  readonly fpr: number
  readonly fprByConvention: Readonly<Record<FprConvention, number>>
  /** Number of images that entered the mean of AP. */
  readonly images: number
}

/** Values of {@link PerImageAnomalyMetrics.result}. */
export interface PerImageResult {
  /**
   * DenseHybrid's StreetHazards evaluation: an image without anomaly has AP 0 and FPR 0 and takes part in their means;
   * values that are undefined otherwise (AUROC, FPR without inliers) are left out.
   */
  readonly withoutAnomalyAsZero: ImageMeans
  /** Hendrycks' StreetHazards evaluation: images that lack anomalies or inliers are left out. It reads FPR by `e`. */
  readonly withoutAnomalySkipped: ImageMeans
  readonly convention: FprConvention
  readonly tpr: number
  /** In the order of their names. */
  readonly images: readonly ImageAnomalyResult[]
}

/** {@link PerImageAnomalyMetrics} as JSON; NaN is null. */
export interface PerImageJson {
  readonly type: 'PerImageAnomalyMetrics'
  readonly version: 1
  readonly convention: FprConvention
  readonly tpr: number
  readonly images: readonly ImageAnomalyResult[]
}

type Options = Pick<AnomalyMetricsOptions, 'convention' | 'tpr' | 'nonFinite'>

/**
 * AP, AUROC and FPR of every image by itself and their means. Published numbers differ in how images without anomaly
 * count, so both treatments are reported. Means are taken in the order of image names: shards merge to the same bits.
 *
 * @example
 * const metrics = new PerImageAnomalyMetrics().add(scores, target, 'street-1')
 * metrics.result().withoutAnomalySkipped.ap
 */
export class PerImageAnomalyMetrics {
  readonly convention: FprConvention
  readonly tpr: number
  readonly #nonFinite: 'error' | 'ignore' | undefined
  readonly #images = new Map<string, ImageAnomalyResult>()

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: Options = {}) {
    checkOptionNames('PerImageAnomalyMetrics', options, ['convention', 'tpr', 'nonFinite'])
    const { convention, tpr, nonFinite } = new AnomalyMetrics(options)
    this.convention = convention
    this.tpr = tpr
    this.#nonFinite = nonFinite
  }

  /**
   * Adds one image; see {@link AnomalyMetrics.add}.
   *
   * @param imageName unique
   * @throws INVALID_ARGUMENT, NON_FINITE; an image that is refused leaves no trace
   */
  add(scores: Pixels<Float32Array>, target: Pixels<Uint8Array>, imageName: string): this {
    if (typeof imageName !== 'string' || imageName === '')
      throw invalid('imageName', 'the name of the image', imageName)
    const { convention, tpr } = this
    const metrics = new AnomalyMetrics({
      convention,
      tpr,
      ...(this.#nonFinite && { nonFinite: this.#nonFinite }),
    })
    return this.addResult(imageName, metrics.add(scores, target, imageName).result())
  }

  /** Adds one image that was measured by an {@link AnomalyMetrics} of its own, with the same options. */
  addResult(imageName: string, result: AnomalyResult): this {
    if (this.#images.has(imageName)) {
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `The image ${JSON.stringify(imageName)} was added before.`,
        {
          hint: 'Every image needs a name of its own.',
        },
      )
    }
    const { ap, auroc, fpr, fprByConvention, positives, negatives, ignored, nonFinite, reason } = result
    this.#images.set(imageName, {
      image: imageName,
      ap,
      auroc,
      fpr,
      fprByConvention,
      positives,
      negatives,
      ignored,
      nonFinite,
      ...(reason === undefined ? {} : { reason }),
    })
    return this
  }

  /**
   * Adds the images of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` has another convention or TPR, or an image that is here, too
   */
  merge(other: PerImageAnomalyMetrics): this {
    if (!(other instanceof PerImageAnomalyMetrics) || other === this)
      throw invalid('other', 'another PerImageAnomalyMetrics', other)
    if (other.convention !== this.convention || other.tpr !== this.tpr) {
      throw invalid(
        'other',
        `metrics of convention ${this.convention} at TPR ${this.tpr}`,
        `convention ${other.convention} at TPR ${other.tpr}`,
      )
    }
    const twice = [...other.#images.keys()].find((image) => this.#images.has(image))
    if (twice !== undefined) throw invalid('other', 'metrics of other images', twice)
    for (const [image, result] of other.#images) this.#images.set(image, result)
    return this
  }

  /** Means under both treatments, and the images. */
  result(): PerImageResult {
    const images = [...this.#images.values()].sort((a, b) => (a.image < b.image ? -1 : 1))
    const zeroed = images.map((image) => (image.positives === 0 ? asZero(image) : image))
    const complete = images.filter(({ positives, negatives }) => positives > 0 && negatives > 0)
    return {
      withoutAnomalyAsZero: meansOf(zeroed),
      withoutAnomalySkipped: meansOf(complete),
      convention: this.convention,
      tpr: this.tpr,
      images,
    }
  }

  toJSON(): PerImageJson {
    const { convention, tpr } = this
    const { images } = this.result()
    return { type: 'PerImageAnomalyMetrics', version: 1, convention, tpr, images }
  }

  /**
   * Takes up what {@link PerImageAnomalyMetrics.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: PerImageJson): PerImageAnomalyMetrics {
    if (typeof json !== 'object' || json?.type !== 'PerImageAnomalyMetrics' || json.version !== 1) {
      throw invalid('json', 'PerImageAnomalyMetrics of version 1, as written by toJSON()', json?.type ?? json)
    }
    if (!Array.isArray(json.images)) throw invalid('json.images', 'an array of images', json.images)
    checkConvention('json.convention', json.convention, 'json.tpr', json.tpr)
    const metrics = new PerImageAnomalyMetrics({ convention: json.convention, tpr: json.tpr })
    for (const [i, image] of (json.images as ImageAnomalyResult[]).entries()) {
      const where = `json.images[${i}]`
      if (
        typeof image !== 'object' ||
        image === null ||
        typeof image.image !== 'string' ||
        image.image === ''
      )
        throw invalid(where, 'the values of an image with its name', image)
      for (const count of ['positives', 'negatives', 'ignored', 'nonFinite'] as const)
        checkInteger(`${where}.${count}`, image[count], 0)
      const number = (value: unknown) =>
        value === null || Number.isNaN(value) ? Number.NaN : checkNumber(where, value, 0, 1)
      const rates = FPR_CONVENTIONS.map((name) => [name, number(image.fprByConvention?.[name])] as const)
      metrics.addResult(image.image, {
        ...(image as unknown as AnomalyResult),
        ap: number(image.ap),
        auroc: number(image.auroc),
        fpr: number(image.fpr),
        fprByConvention: Object.fromEntries(rates) as Record<FprConvention, number>,
      })
    }
    return metrics
  }
}

function asZero(image: ImageAnomalyResult): ImageAnomalyResult {
  const rates = FPR_CONVENTIONS.map((convention) => [convention, 0] as const)
  return {
    ...image,
    ap: 0,
    fpr: 0,
    fprByConvention: Object.fromEntries(rates) as Record<FprConvention, number>,
  }
}

function meansOf(images: readonly ImageAnomalyResult[]): ImageMeans {
  const mean = (value: (image: ImageAnomalyResult) => number) => meanSkippingNaN(images.map(value))
  const rates = FPR_CONVENTIONS.map((name) => [name, mean((image) => image.fprByConvention[name])] as const)
  return {
    ap: mean(({ ap }) => ap),
    auroc: mean(({ auroc }) => auroc),
    fpr: mean(({ fpr }) => fpr),
    fprByConvention: Object.fromEntries(rates) as Record<FprConvention, number>,
    images: images.filter(({ ap }) => !Number.isNaN(ap)).length,
  }
}
