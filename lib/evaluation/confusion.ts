import { DenseHybridError } from '../errors.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { BytePairs } from './byte-pairs.ts'
import {
  checkPixels,
  checkSameSize,
  imageText,
  LABEL_ARRAYS,
  type LabelArray,
  type Pixels,
} from './pixels.ts'

/** Options of {@link ConfusionMatrix}. */
export interface ConfusionMatrixOptions {
  /**
   * Labels that take no part. A label below `n` is a class: it is counted, but its row and its column are left out of
   * every IoU. A label of `n` or more marks pixels to skip: where the target holds it, the prediction is not looked at.
   */
  readonly ignore?: number | readonly number[]
}

/** Values of {@link ConfusionMatrix.result}. */
export interface ConfusionResult {
  /** IoU per class in [0, 1]; NaN for an ignored class and for one that is in neither target nor prediction. */
  readonly iou: number[]
  /** Mean of the IoUs that are not NaN; NaN where all are. */
  readonly meanIoU: number
  /** counts[target][prediction], as added: rows and columns of ignored classes are still in. */
  readonly matrix: number[][]
  /** Number of pixels counted in `matrix`. */
  readonly pixels: number
  /** Number of pixels skipped by an ignore label of n or more. */
  readonly skipped: number
}

/** {@link ConfusionMatrix} as JSON. */
export interface ConfusionMatrixJson {
  readonly type: 'ConfusionMatrix'
  readonly version: 1
  readonly n: number
  readonly ignore: readonly number[]
  readonly skipped: number
  readonly images: number
  /** Row-major, row = target. */
  readonly counts: readonly number[]
}

/** More classes than this are surely a mistake: the matrix would take over 100 MB. */
const MAX_CLASSES = 4096

/**
 * Confusion matrix of n classes, C[target][prediction], and the IoU of each: TP / (TP + FP + FN). What is predicted on
 * pixels of an ignored class never counts as a false positive.
 *
 * @example
 * const matrix = new ConfusionMatrix(2, { ignore: 255 })
 * matrix.add(new Uint8Array([0, 0, 1, 255]), new Uint8Array([0, 1, 1, 1]))
 * matrix.iou() // [0.5, 0.5]
 */
export class ConfusionMatrix {
  readonly n: number
  readonly ignore: readonly number[]
  #counts: Float64Array
  #scratch: Uint32Array
  readonly #pairs = new BytePairs()
  #skipped = 0
  #images = 0

  /**
   * @param n number of classes, at least 1
   * @throws INVALID_ARGUMENT for an impossible number or an unknown option
   */
  constructor(n: number, options: ConfusionMatrixOptions = {}) {
    checkOptionNames('ConfusionMatrix', options, ['ignore'])
    this.n = checkInteger('n', n, 1, MAX_CLASSES)
    const { ignore = [] } = options
    this.ignore = (typeof ignore === 'number' ? [ignore] : [...ignore]).map((label) =>
      checkInteger('options.ignore', label, 0),
    )
    this.#counts = new Float64Array(n * n)
    this.#scratch = new Uint32Array(n * n)
  }

  /**
   * Adds one image, or several as one. An image that is refused leaves no trace.
   *
   * @param target N×H×W or flat class labels 0 … n−1, or an ignore label
   * @param prediction the same size, 0 … n−1
   * @param imageName for error messages
   * @throws INVALID_ARGUMENT for another type, differing sizes, or a label out of range
   */
  add(target: Pixels<LabelArray>, prediction: Pixels<LabelArray>, imageName?: string): this {
    const image = imageText(imageName, this.#images + 1)
    const checkedTarget = checkPixels<LabelArray>('target', target, LABEL_ARRAYS)
    const checkedPrediction = checkPixels<LabelArray>('prediction', prediction, LABEL_ARRAYS)
    checkSameSize('target', checkedTarget, 'prediction', checkedPrediction, image)
    const targets = checkedTarget.data
    const predictions = checkedPrediction.data
    const { n } = this
    const skip = this.ignore.filter((label) => label >= n)
    const scratch = this.#scratch.fill(0)
    let skipped = 0
    const take = (label: number, predicted: number, count: number, index: () => number) => {
      if (label >= 0 && label < n && predicted >= 0 && predicted < n) scratch[label * n + predicted] += count
      else if (skip.includes(label)) skipped += count
      else throw this.#outOfRange(label, predicted, index(), image, skip)
    }
    if (targets instanceof Uint8Array && predictions instanceof Uint8Array) {
      const pairs = this.#pairs.count(targets, predictions)
      for (let pair = 0; pair < pairs.length; pair++) {
        if (pairs[pair] === 0) continue
        const [label, predicted] = [pair >> 8, pair & 255]
        const first = () => targets.findIndex((value, i) => value === label && predictions[i] === predicted)
        take(label, predicted, pairs[pair], first)
      }
    } else {
      for (let i = 0; i < targets.length; i++) take(targets[i], predictions[i], 1, () => i)
    }
    for (let i = 0; i < scratch.length; i++) this.#counts[i] += scratch[i]
    this.#skipped += skipped
    this.#images++
    return this
  }

  /**
   * Adds the counts of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object or has other classes or ignore labels
   */
  merge(other: ConfusionMatrix): this {
    if (!(other instanceof ConfusionMatrix) || other === this)
      throw invalid('other', 'another ConfusionMatrix', other)
    const sorted = (labels: readonly number[]) => [...labels].sort((a, b) => a - b).join(', ')
    if (other.n !== this.n || sorted(other.ignore) !== sorted(this.ignore)) {
      throw invalid(
        'other',
        `a matrix of ${this.n} classes that ignores [${sorted(this.ignore)}]`,
        `${other.n} classes, ignores [${sorted(other.ignore)}]`,
      )
    }
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] += other.#counts[i]
    this.#skipped += other.#skipped
    this.#images += other.#images
    return this
  }

  /** IoU per class; NaN for ignored classes and for those in neither target nor prediction. */
  iou(): number[] {
    return this.#perClass(({ tp, fp, fn }) => tp / (tp + fp + fn))
  }

  /**
   * F1 per class, the harmonic mean of precision and recall. As in DenseHybrid's own evaluation it is NaN, not 0, for a
   * class without a true positive, which a mean over classes then leaves out.
   */
  f1(): number[] {
    return this.#perClass(({ tp, fp, fn }) => (tp === 0 ? Number.NaN : (2 * tp) / (2 * tp + fp + fn)))
  }

  /** Youden's J = TPR + TNR − 1 per class; NaN for ignored classes and for those without target or with nothing else. */
  youden(): number[] {
    return this.#perClass(({ tp, fp, fn, tn }) => tp / (tp + fn) + tn / (tn + fp) - 1)
  }

  /** Mean of the IoUs that are not NaN; NaN where all are. */
  meanIoU(): number {
    return meanSkippingNaN(this.iou())
  }

  /** IoUs, their mean, and the counts as added. */
  result(): ConfusionResult {
    const { n } = this
    const matrix = Array.from({ length: n }, (_, k) => [...this.#counts.subarray(k * n, (k + 1) * n)])
    const pixels = this.#counts.reduce((sum, count) => sum + count, 0)
    const iou = this.iou()
    return { iou, meanIoU: meanSkippingNaN(iou), matrix, pixels, skipped: this.#skipped }
  }

  toJSON(): ConfusionMatrixJson {
    return {
      type: 'ConfusionMatrix',
      version: 1,
      n: this.n,
      ignore: this.ignore,
      skipped: this.#skipped,
      images: this.#images,
      counts: [...this.#counts],
    }
  }

  /**
   * Takes up what {@link ConfusionMatrix.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: ConfusionMatrixJson): ConfusionMatrix {
    if (typeof json !== 'object' || json?.type !== 'ConfusionMatrix' || json.version !== 1) {
      throw invalid('json', 'a ConfusionMatrix of version 1, as written by toJSON()', json?.type ?? json)
    }
    if (!Array.isArray(json.ignore)) throw invalid('json.ignore', 'an array of labels', json.ignore)
    const matrix = new ConfusionMatrix(json.n, { ignore: json.ignore })
    if (!Array.isArray(json.counts) || json.counts.length !== matrix.n ** 2) {
      throw invalid('json.counts', `${matrix.n ** 2} counts`, json.counts?.length)
    }
    json.counts.forEach((count, i) => {
      matrix.#counts[i] = checkInteger(`json.counts[${i}]`, count, 0)
    })
    matrix.#skipped = checkInteger('json.skipped', json.skipped, 0)
    matrix.#images = checkInteger('json.images', json.images, 0)
    return matrix
  }

  /** A value of each class, one against all others that are counted; NaN for ignored classes. */
  #perClass(value: (counts: { tp: number; fp: number; fn: number; tn: number }) => number): number[] {
    const { n } = this
    const counted = Array.from({ length: n }, (_, k) => !this.ignore.includes(k))
    const at = (target: number, prediction: number) =>
      counted[target] && counted[prediction] ? this.#counts[target * n + prediction] : 0
    const classes = Array.from({ length: n }, (_, k) => k)
    const total = classes.reduce((sum, t) => sum + classes.reduce((row, p) => row + at(t, p), 0), 0)
    return classes.map((k) => {
      if (!counted[k]) return Number.NaN
      const tp = at(k, k)
      const fn = classes.reduce((sum, p) => sum + at(k, p), 0) - tp
      const fp = classes.reduce((sum, t) => sum + at(t, k), 0) - tp
      return value({ tp, fp, fn, tn: total - tp - fp - fn })
    })
  }

  #outOfRange(
    label: number,
    predicted: number,
    index: number,
    image: string,
    skip: number[],
  ): DenseHybridError {
    const inTarget = !(label >= 0 && label < this.n)
    const also = inTarget && skip.length > 0 ? `, or ignore label ${skip.join(', ')}` : ''
    return new DenseHybridError(
      'INVALID_ARGUMENT',
      `${inTarget ? 'Target' : 'Prediction'} ${inTarget ? label : predicted} at pixel ${index} of ${image} is out of range: ` +
        `expected 0 to ${this.n - 1}${also}.`,
      {
        hint: inTarget
          ? `Pixels without a class need a label named in \`ignore\`.`
          : 'Was it made for as many classes?',
      },
    )
  }
}

/** Mean of the values that are not NaN; NaN where all are. */
export function meanSkippingNaN(values: readonly number[]): number {
  const present = values.filter((value) => !Number.isNaN(value))
  return present.reduce((sum, value) => sum + value, 0) / present.length
}
