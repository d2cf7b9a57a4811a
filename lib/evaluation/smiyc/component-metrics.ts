import { roundedToHalf } from '../../float16.ts'
import type { TypedArray } from '../../tensor.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import { type CheckedPixels, checkPixels, checkSameSize, imageText, type Pixels } from '../pixels.ts'
import {
  type FrameComponents,
  frameComponents,
  type PredictedComponent,
  type SizeFilter,
} from './frame-components.ts'

/** The tracks of the benchmark with their sizes in pixels; Lost and Found is measured as `obstacle`. */
export const SMIYC_TRACKS = {
  anomaly: { minimumPredicted: 500, minimumTruth: 100 },
  obstacle: { minimumPredicted: 50, minimumTruth: 10 },
} as const satisfies Record<string, SizeFilter>

/** Name of a track of the benchmark. */
export type SmiycTrack = keyof typeof SMIYC_TRACKS

/** Options of {@link ComponentMetrics}. */
export interface ComponentMetricsOptions extends Partial<SizeFilter> {
  /** Pixels with score > threshold are predicted; the benchmark takes the best F1's. Needed by `add`, not by `addMask`. */
  readonly threshold?: number
  /** Gives the sizes. Default `anomaly`. */
  readonly track?: SmiycTrack
  /**
   * Rounds the threshold to float16 first, as the benchmark's pinned NumPy does where scores are float16: scores that
   * equal the rounded threshold are then not predicted. Default true; false compares with the threshold as it is.
   */
  readonly float16Threshold?: boolean
}

/** One image with its components. */
export interface ComponentImage extends FrameComponents {
  readonly image: string
}

/** Counts and F1 at one sIoU threshold. */
export interface ComponentPoint {
  /** From .25 to .75 in eleven steps. */
  readonly threshold: number
  /** Components of the truth with sIoU ≥ threshold. */
  readonly tp: number
  /** Components of the truth with sIoU < threshold. */
  readonly fn: number
  /** Predicted components with PPV < threshold. */
  readonly fp: number
  /** 2TP / (2TP + FN + FP); NaN where there is no component at all. */
  readonly f1: number
}

/** Values of {@link ComponentMetrics.result}. Means are over all components of all images. */
export interface ComponentResult {
  /** F1*, the mean of F1 over the eleven thresholds. */
  readonly f1: number
  readonly sIoU: number
  /** Mean PPV of predicted components. */
  readonly ppv: number
  /** Mean sIoU of predicted components. */
  readonly predictedSIoU: number
  readonly points: readonly ComponentPoint[]
  readonly truthComponents: number
  readonly predictedComponents: number
  readonly images: number
  /** As it was compared with the scores; absent where masks were added. */
  readonly threshold?: number
  readonly sizes: SizeFilter
  /** Why values are NaN; absent where none is. */
  readonly reason?: string
}

/** {@link ComponentMetrics} as JSON. */
export interface ComponentMetricsJson extends SizeFilter {
  readonly type: 'ComponentMetrics'
  readonly version: 1
  readonly threshold: number | null
  readonly float16Threshold: boolean
  readonly images: readonly ComponentImage[]
}

/** numpy.linspace(.25, .75, 11): the eighth is 0.6000000000000001, which an sIoU of exactly 3/5 does not reach. */
const THRESHOLDS: readonly number[] = Array.from({ length: 11 }, (_, i) =>
  i === 10 ? 0.75 : i * 0.05 + 0.25,
)

const OPTION_NAMES = ['threshold', 'track', 'minimumPredicted', 'minimumTruth', 'float16Threshold']

/**
 * The component metrics of SegmentMeIfYouCan: sIoU of anomalous objects, PPV of predicted ones, and F1* over both.
 *
 * @example
 * const metrics = new ComponentMetrics({ track: 'obstacle', threshold: 0.7 })
 * metrics.add(tensor(scores, [1080, 1920]), tensor(target, [1080, 1920]), 'frame-1')
 * metrics.result() // { f1: 0.61, sIoU: 0.55, ppv: 0.7, … }
 */
export class ComponentMetrics {
  readonly sizes: SizeFilter
  readonly threshold: number | undefined
  readonly float16Threshold: boolean
  readonly #images = new Map<string, ComponentImage>()

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: ComponentMetricsOptions = {}) {
    checkOptionNames('ComponentMetrics', options, OPTION_NAMES)
    const track = checkOneOf(
      'options.track',
      options.track ?? 'anomaly',
      Object.keys(SMIYC_TRACKS) as SmiycTrack[],
    )
    const { minimumPredicted, minimumTruth } = { ...SMIYC_TRACKS[track], ...options }
    this.sizes = {
      minimumPredicted: checkInteger('options.minimumPredicted', minimumPredicted, 0),
      minimumTruth: checkInteger('options.minimumTruth', minimumTruth, 0),
    }
    this.float16Threshold = options.float16Threshold ?? true
    if (typeof this.float16Threshold !== 'boolean')
      throw invalid('options.float16Threshold', 'true or false', this.float16Threshold)
    if (options.threshold === undefined) return
    const threshold = checkNumber('options.threshold', options.threshold)
    this.threshold = this.float16Threshold ? roundedToHalf(threshold) : threshold
    if (!Number.isFinite(this.threshold)) {
      const hint = 'Or set float16Threshold to false.'
      throw invalid('options.threshold', 'a number within ±65504, the range of float16,', threshold, hint)
    }
  }

  /**
   * Adds one image. An image that is refused leaves no trace. NaN is never predicted.
   *
   * @param scores H×W
   * @param target H×W: 1 anomaly, 0 inlier, other = void
   * @param imageName unique
   * @throws INVALID_ARGUMENT for a flat array, differing sizes, a name given twice, or a missing threshold
   */
  add(scores: Pixels<Float32Array>, target: Pixels<Uint8Array>, imageName: string): this {
    const { threshold } = this
    if (threshold === undefined) throw invalid('options.threshold', 'a number, to add scores', threshold)
    const map = checkPixels('scores', scores, [Float32Array])
    return this.#add('scores', map, target, imageName, this.sizes, (i) => map.data[i] > threshold)
  }

  /**
   * Adds one image with a mask instead of scores, 1 = predicted. As in the benchmark no predicted component is too small.
   *
   * @throws INVALID_ARGUMENT as {@link ComponentMetrics.add}
   */
  addMask(mask: Pixels<Uint8Array>, target: Pixels<Uint8Array>, imageName: string): this {
    const map = checkPixels('mask', mask, [Uint8Array])
    const other = map.data.findIndex((value) => value > 1)
    if (other >= 0) throw invalid('mask', '0 or 1 at every pixel', map.data[other])
    const sizes = { ...this.sizes, minimumPredicted: 0 }
    return this.#add('mask', map, target, imageName, sizes, (i) => map.data[i] === 1)
  }

  /**
   * Adds the images of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` has other settings, or an image that is here, too
   */
  merge(other: ComponentMetrics): this {
    if (!(other instanceof ComponentMetrics) || other === this)
      throw invalid('other', 'another ComponentMetrics', other)
    const settings = ({ sizes, threshold }: ComponentMetrics) =>
      `${sizes.minimumPredicted} and ${sizes.minimumTruth} pixels, threshold ${threshold}`
    if (settings(other) !== settings(this))
      throw invalid('other', `metrics of ${settings(this)}`, settings(other))
    const twice = [...other.#images.keys()].find((image) => this.#images.has(image))
    if (twice !== undefined) throw invalid('other', 'metrics of other images', twice)
    for (const [image, entry] of other.#images) this.#images.set(image, entry)
    return this
  }

  /** The components of every image, in the order of the images' names. */
  images(): ComponentImage[] {
    return [...this.#images.values()].sort((a, b) => (a.image < b.image ? -1 : 1))
  }

  /** Means and F1 over all components added so far. */
  result(): ComponentResult {
    const images = this.images()
    const truth = images.flatMap((image) => image.truth)
    const predicted = images.flatMap((image) => image.predicted)
    const points = THRESHOLDS.map((threshold) => {
      const tp = truth.filter(({ sIoU }) => sIoU >= threshold).length
      const fn = truth.length - tp
      const fp = predicted.filter(({ ppv }) => ppv < threshold).length
      return { threshold, tp, fn, fp, f1: (2 * tp) / (2 * tp + fn + fp) }
    })
    const reason = whyUndefined(truth.length, predicted.length)
    return {
      f1: mean(points.map(({ f1 }) => f1)),
      sIoU: mean(truth.map(({ sIoU }) => sIoU)),
      ppv: mean(predicted.map(({ ppv }) => ppv)),
      predictedSIoU: mean(predicted.map(({ sIoU }) => sIoU)),
      points,
      truthComponents: truth.length,
      predictedComponents: predicted.length,
      images: images.length,
      ...(this.threshold !== undefined && { threshold: this.threshold }),
      sizes: this.sizes,
      ...(reason === undefined ? {} : { reason }),
    }
  }

  toJSON(): ComponentMetricsJson {
    const { sizes, threshold = null, float16Threshold } = this
    return {
      type: 'ComponentMetrics',
      version: 1,
      ...sizes,
      threshold,
      float16Threshold,
      images: this.images(),
    }
  }

  /**
   * Takes up what {@link ComponentMetrics.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: ComponentMetricsJson): ComponentMetrics {
    if (typeof json !== 'object' || json?.type !== 'ComponentMetrics' || json.version !== 1) {
      throw invalid('json', 'ComponentMetrics of version 1, as written by toJSON()', json?.type ?? json)
    }
    const { minimumPredicted, minimumTruth, threshold, float16Threshold, images } = json
    if (!Array.isArray(images)) throw invalid('json.images', 'an array of images', images)
    const metrics = new ComponentMetrics({
      minimumPredicted,
      minimumTruth,
      float16Threshold,
      ...(threshold !== null && { threshold }),
    })
    for (const [i, image] of (images as ComponentImage[]).entries()) {
      const where = `json.images[${i}]`
      const isImage =
        typeof image?.image === 'string' && Array.isArray(image.truth) && Array.isArray(image.predicted)
      if (!isImage) throw invalid(where, '{ image, truth, predicted }', image)
      if (metrics.#images.has(image.image)) throw invalid(`${where}.image`, 'every image once', image.image)
      for (const component of [...image.truth, ...image.predicted] as Partial<PredictedComponent>[]) {
        checkInteger(`${where} area`, component?.area, 1)
        checkNumber(`${where} sIoU`, component?.sIoU, 0, 1)
      }
      for (const { ppv } of image.predicted) checkNumber(`${where} ppv`, ppv, 0, 1)
      metrics.#images.set(image.image, image)
    }
    return metrics
  }

  #add(
    name: string,
    map: CheckedPixels<TypedArray>,
    target: Pixels<Uint8Array>,
    imageName: string,
    sizes: SizeFilter,
    isPredicted: (index: number) => boolean,
  ): this {
    if (typeof imageName !== 'string' || imageName === '')
      throw invalid('imageName', 'the name of the image', imageName)
    if (this.#images.has(imageName)) throw invalid('imageName', 'a name that was not added before', imageName)
    const truth = checkPixels('target', target, [Uint8Array])
    checkSameSize(name, map, 'target', truth, imageText(imageName, this.#images.size + 1))
    const shape = (truth.shape ?? map.shape ?? []).filter(
      (extent, i, all) => extent !== 1 || i >= all.length - 2,
    )
    if (shape.length !== 2)
      throw invalid(name, 'a tensor H×W: components need to know the rows', shape.join('×'))
    const prediction = new Uint8Array(truth.data.length)
    for (let i = 0; i < prediction.length; i++) prediction[i] = truth.data[i] <= 1 && isPredicted(i) ? 1 : 0
    const frame = frameComponents(prediction, truth.data, [shape[0], shape[1]], sizes)
    this.#images.set(imageName, { image: imageName, ...frame })
    return this
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function whyUndefined(truth: number, predicted: number): string | undefined {
  if (truth === 0 && predicted === 0) return 'there is no component, in truth or prediction'
  if (truth === 0) return 'there is no component in the truth'
  return predicted === 0 ? 'there is no predicted component' : undefined
}
