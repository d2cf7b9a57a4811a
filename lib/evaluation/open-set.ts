import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseHybridError } from '../errors.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { ConfusionMatrix, type ConfusionMatrixJson, meanSkippingNaN } from './confusion.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from './pixels.ts'

/** Options of {@link OpenSetMetrics}. */
export interface OpenSetMetricsOptions {
  /** Names of the K known classes, or K; at most 254. */
  readonly classes: number | readonly string[]
  /** A known class in neither truth nor prediction: left out of the means, or counted as IoU 0. Default `skip`. */
  readonly absent?: 'skip' | 'zero'
  /** `result()` throws EMPTY where a mean is undefined, instead of returning NaN with a reason. Default false. */
  readonly strict?: boolean
}

/** One image of an open-set evaluation; all H×W or flat, of one size. */
export interface OpenSetImage {
  /** Truth: 0 … K−1, UNKNOWN_LABEL (254) for anomalies, IGNORE_LABEL (255). */
  readonly labels: Pixels<Uint8Array>
  /** Closed-set prediction: 0 … K−1. */
  readonly closed: Pixels<Uint8Array>
  /** Open-set prediction: 0 … K−1, K for unknown. */
  readonly open: Pixels<Uint8Array>
}

/** IoUs of one known class, in [0, 1]. */
export interface OpenSetClass {
  readonly name: string
  /** IoU of the closed-set prediction on pixels of known classes; NaN where absent. */
  readonly closed: number
  /** IoU of the open-set prediction, confusions with unknown included; NaN where absent. */
  readonly open: number
  /** closed − open. */
  readonly gap: number
}

/** Values of {@link OpenSetMetrics.result}. */
export interface OpenSetResult {
  /** Mean closed-set IoU over known classes; truth unknown or ignored takes no part. */
  readonly closedMIoU: number
  /** Mean Open-IoU over the K known classes; unknown is in the matrix, not in the mean. */
  readonly openMIoU: number
  /** closedMIoU − openMIoU. */
  readonly gap: number
  /** IoU of the unknown class, for information. */
  readonly unknownIoU: number
  /** Mean F1 of the open-set prediction over the K known classes; classes without a true positive count as absent. */
  readonly openF1: number
  /** Mean of Youden's J of the open-set prediction over the K known classes; see `ConfusionResult`. */
  readonly openYouden: number
  readonly perClass: OpenSetClass[]
  /** (K+1)×(K+1) counts, [truth][open-set prediction], index K = unknown. */
  readonly confusion: number[][]
  /** K×K counts, [truth][closed-set prediction]. */
  readonly closedConfusion: number[][]
  /** How absent classes were treated. */
  readonly absent: 'skip' | 'zero'
  /** Why the means are NaN; absent where they are not. */
  readonly reason?: string
}

/** {@link OpenSetMetrics} as JSON. */
export interface OpenSetMetricsJson {
  readonly type: 'OpenSetMetrics'
  readonly version: 1
  readonly classes: readonly string[]
  readonly absent: 'skip' | 'zero'
  readonly strict: boolean
  readonly images: number
  readonly closed: ConfusionMatrixJson
  readonly open: ConfusionMatrixJson
}

/**
 * Closed-set mIoU and open-mIoU of one model, and the gap between them:
 * Open-IoU_k = TP_k / (TP_k + FP_k + FN_k), FP_k and FN_k including confusions with unknown.
 *
 * @example
 * const metrics = new OpenSetMetrics({ classes: ['road', 'car'] })
 * metrics.add({
 *   labels: new Uint8Array([0, 0, 1, 254]),
 *   closed: new Uint8Array([0, 0, 1, 1]),
 *   open: new Uint8Array([0, 2, 1, 2]),
 * })
 * metrics.result() // { closedMIoU: 1, openMIoU: 0.75, gap: 0.25, … }
 */
export class OpenSetMetrics {
  readonly classes: readonly string[]
  readonly absent: 'skip' | 'zero'
  readonly strict: boolean
  #closed: ConfusionMatrix
  #open: ConfusionMatrix
  #images = 0

  /** @throws INVALID_ARGUMENT for an unknown option or value */
  constructor(options: OpenSetMetricsOptions) {
    if (typeof options !== 'object' || options === null) throw invalid('options', '{ classes, … }', options)
    checkOptionNames('OpenSetMetrics', options, ['classes', 'absent', 'strict'])
    this.classes = classNames(options.classes)
    this.absent = checkOneOf('options.absent', options.absent ?? 'skip', ['skip', 'zero'])
    this.strict = options.strict ?? false
    if (typeof this.strict !== 'boolean') throw invalid('options.strict', 'true or false', this.strict)
    const known = this.classes.length
    this.#closed = new ConfusionMatrix(known, { ignore: [UNKNOWN_LABEL, IGNORE_LABEL] })
    this.#open = new ConfusionMatrix(known + 1, { ignore: IGNORE_LABEL })
  }

  /**
   * Adds one image, or several as one. An image that is refused leaves no trace.
   *
   * @param imageName for error messages
   * @throws INVALID_ARGUMENT for a missing part, differing sizes, or a label out of range
   */
  add(image: OpenSetImage, imageName?: string): this {
    if (typeof image !== 'object' || image === null) throw invalid('image', '{ labels, closed, open }', image)
    const name = imageText(imageName, this.#images + 1)
    const labels = checkPixels('labels', image.labels, [Uint8Array])
    const closed = checkPixels('closed', image.closed, [Uint8Array])
    const open = checkPixels('open', image.open, [Uint8Array])
    checkSameSize('labels', labels, 'closed', closed, name)
    checkSameSize('labels', labels, 'open', open, name)
    checkRanges(this.classes.length, labels.data, closed.data, open.data, name)
    const unknown = this.classes.length
    const openTruth = labels.data.map((label) => (label === UNKNOWN_LABEL ? unknown : label))
    this.#closed.add(labels.data, closed.data, imageName)
    this.#open.add(openTruth, open.data, imageName)
    this.#images++
    return this
  }

  /**
   * Adds the counts of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object or has other classes
   */
  merge(other: OpenSetMetrics): this {
    if (!(other instanceof OpenSetMetrics) || other === this)
      throw invalid('other', 'another OpenSetMetrics', other)
    if (JSON.stringify(other.classes) !== JSON.stringify(this.classes)) {
      throw invalid('other', `metrics of the classes ${this.classes.join(', ')}`, other.classes)
    }
    this.#closed.merge(other.#closed)
    this.#open.merge(other.#open)
    this.#images += other.#images
    return this
  }

  /**
   * Means, per-class IoUs and matrices of the images added so far.
   *
   * @throws EMPTY where a mean is undefined and `strict` is set
   */
  result(): OpenSetResult {
    const closed = this.#closed.result()
    const open = this.#open.result()
    const known = this.classes.length
    const closedMIoU = this.#mean(closed.iou)
    const openMIoU = this.#mean(open.iou.slice(0, known))
    const perClass = this.classes.map((name, k) => ({
      name,
      closed: closed.iou[k],
      open: open.iou[k],
      gap: closed.iou[k] - open.iou[k],
    }))
    const result: OpenSetResult = {
      closedMIoU,
      openMIoU,
      gap: closedMIoU - openMIoU,
      unknownIoU: open.iou[known],
      openF1: this.#mean(open.f1.slice(0, known)),
      openYouden: this.#mean(open.youden.slice(0, known)),
      perClass,
      confusion: open.matrix,
      closedConfusion: closed.matrix,
      absent: this.absent,
    }
    if (closed.pixels > 0) return result
    const reason = 'there is no pixel of a known class'
    if (!this.strict) {
      return { ...result, closedMIoU: NaN, openMIoU: NaN, gap: NaN, openF1: NaN, openYouden: NaN, reason }
    }
    throw new DenseHybridError('EMPTY', `Open-set metrics are undefined: ${reason}.`, {
      hint: 'Check the label mapping, or leave out `strict` to get NaN with the reason.',
    })
  }

  toJSON(): OpenSetMetricsJson {
    return {
      type: 'OpenSetMetrics',
      version: 1,
      classes: this.classes,
      absent: this.absent,
      strict: this.strict,
      images: this.#images,
      closed: this.#closed.toJSON(),
      open: this.#open.toJSON(),
    }
  }

  /**
   * Takes up what {@link OpenSetMetrics.toJSON} wrote.
   *
   * @throws INVALID_ARGUMENT naming the field that is wrong
   */
  static fromJSON(json: OpenSetMetricsJson): OpenSetMetrics {
    if (typeof json !== 'object' || json?.type !== 'OpenSetMetrics' || json.version !== 1) {
      throw invalid('json', 'OpenSetMetrics of version 1, as written by toJSON()', json?.type ?? json)
    }
    const { classes, absent, strict } = json
    const metrics = new OpenSetMetrics({ classes, absent, strict })
    metrics.#images = checkInteger('json.images', json.images, 0)
    metrics.#closed.merge(ConfusionMatrix.fromJSON(json.closed))
    metrics.#open.merge(ConfusionMatrix.fromJSON(json.open))
    return metrics
  }

  #mean(perClass: readonly number[]): number {
    return meanOverClasses(perClass, this.absent)
  }
}

/** Mean of per-class values, where NaN stands for an absent class. */
export function meanOverClasses(values: readonly number[], absent: 'skip' | 'zero'): number {
  return meanSkippingNaN(
    absent === 'skip' ? values : values.map((value) => (Number.isNaN(value) ? 0 : value)),
  )
}

function classNames(classes: unknown): readonly string[] {
  if (typeof classes === 'number') {
    const known = checkInteger('options.classes', classes, 1, UNKNOWN_LABEL)
    return Array.from({ length: known }, (_, k) => `class ${k}`)
  }
  const areNames = Array.isArray(classes) && classes.every((name) => typeof name === 'string')
  if (!areNames || classes.length < 1 || classes.length > UNKNOWN_LABEL) {
    throw invalid('options.classes', `a number or 1 to ${UNKNOWN_LABEL} names`, classes)
  }
  return [...classes]
}

/** Checks all three label maps before anything is counted. Predictions on ignored truth are not looked at. */
function checkRanges(
  known: number,
  labels: Uint8Array,
  closed: Uint8Array,
  open: Uint8Array,
  image: string,
): void {
  const fail = (name: string, value: number, index: number, expected: string) => {
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `Value ${value} in ${name} at pixel ${index} of ${image} is out of range: expected ${expected}.`,
      { hint: `There are ${known} known classes, numbered from 0.` },
    )
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    if (label === IGNORE_LABEL) continue
    if (open[i] > known) fail('open', open[i], i, `0 to ${known - 1}, or ${known} for unknown`)
    if (label === UNKNOWN_LABEL) continue
    if (label >= known)
      fail('labels', label, i, `0 to ${known - 1}, ${UNKNOWN_LABEL} unknown or ${IGNORE_LABEL} ignore`)
    if (closed[i] >= known) fail('closed', closed[i], i, `0 to ${known - 1}`)
  }
}
