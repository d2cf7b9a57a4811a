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
  /**
   * F1 per class, 2TP / (2TP + FP + FN), in (0, 1]; NaN for an ignored class and where TP is 0: precision and recall
   * are then 0 or undefined, and their harmonic mean is not defined.
   */
  readonly f1: number[]
  /** Youden's J per class, TP / (TP + FN) + TN / (TN + FP) − 1, in [−1, 1]; NaN where a denominator is 0. */
  readonly youden: number[]
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
    return classTallies(this.#counts, this.n, this.ignore).map(iouOf)
  }

  /** Mean of the IoUs that are not NaN; NaN where all are. */
  meanIoU(): number {
    return meanSkippingNaN(this.iou())
  }

  /** IoUs, their mean, F1, Youden's J, and the counts as added. */
  result(): ConfusionResult {
    const { n } = this
    const matrix = Array.from({ length: n }, (_, k) => [...this.#counts.subarray(k * n, (k + 1) * n)])
    const pixels = this.#counts.reduce((sum, count) => sum + count, 0)
    const tallies = classTallies(this.#counts, n, this.ignore)
    const iou = tallies.map(iouOf)
    return {
      iou,
      meanIoU: meanSkippingNaN(iou),
      f1: tallies.map(f1Of),
      youden: tallies.map(youdenOf),
      matrix,
      pixels,
      skipped: this.#skipped,
    }
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

/** One class against all others, in pixels; NaN throughout for an ignored class. */
export interface ClassTally {
  readonly tp: number
  readonly fp: number
  readonly fn: number
  readonly tn: number
}

/** The tally of every class of an n×n matrix [target][prediction]; rows and columns of `ignore` take no part. */
export function classTallies(counts: Float64Array, n: number, ignore: readonly number[]): ClassTally[] {
  const counted = Array.from({ length: n }, (_, k) => !ignore.includes(k))
  const rows = new Float64Array(n)
  const columns = new Float64Array(n)
  let total = 0
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      if (!counted[k] || !counted[j]) continue
      const count = counts[k * n + j]
      rows[k] += count
      columns[j] += count
      total += count
    }
  }
  return counted.map((isCounted, k) => {
    if (!isCounted) return { tp: Number.NaN, fp: Number.NaN, fn: Number.NaN, tn: Number.NaN }
    const tp = counts[k * n + k]
    return { tp, fp: columns[k] - tp, fn: rows[k] - tp, tn: total - rows[k] - columns[k] + tp }
  })
}

/** TP / (TP + FP + FN); NaN where the class is in neither target nor prediction. */
export function iouOf({ tp, fp, fn }: ClassTally): number {
  return tp / (tp + fp + fn)
}

function f1Of({ tp, fp, fn }: ClassTally): number {
  return tp === 0 ? Number.NaN : (2 * tp) / (2 * tp + fp + fn)
}

function youdenOf({ tp, fp, fn, tn }: ClassTally): number {
  return tp / (tp + fn) + tn / (tn + fp) - 1
}

/** Mean of the values that are not NaN; NaN where all are. */
export function meanSkippingNaN(values: readonly number[]): number {
  const present = values.filter((value) => !Number.isNaN(value))
  return present.reduce((sum, value) => sum + value, 0) / present.length
}
