import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { ConfusionMatrix, type ConfusionMatrixOptions } from './confusion.ts'
import {
  checkImageName,
  columnOf,
  type Interval,
  intervalOf,
  intervalReason,
  sortedByName,
} from './intervals.ts'
import type { LabelArray, Pixels } from './pixels.ts'
import { type ConfusionTask, packColumns, valueCount, valuesOfAll } from './resampling.ts'
import { type BootstrapOptions, checkBootstrap, resample } from './resampling-run.ts'

/** Options of {@link BootstrapConfusion}. */
export interface BootstrapConfusionOptions extends ConfusionMatrixOptions {
  /** The mean is over the first so many classes. Default n; for open-mIoU n = K + 1 with unknown last, and this is K. */
  readonly averaged?: number
  /** A class in neither target nor prediction: left out of the mean, or counted as IoU 0. Default `skip`. */
  readonly absent?: 'skip' | 'zero'
}

/** What {@link BootstrapConfusion.intervals} returns. */
export interface BootstrapConfusionResult {
  readonly meanIoU: Interval
  /** One a class; resamples in which the class does not occur are left out. */
  readonly iou: readonly Interval[]
  readonly images: number
  readonly resamples: number
  /** Resamples whose mean is undefined: left out of its interval, not drawn again. */
  readonly undefinedResamples: number
  readonly confidence: number
  readonly seed: number
  /** Why the intervals are NaN; absent where they are not. */
  readonly reason?: string
}

interface Cells {
  readonly columns: readonly number[]
  readonly counts: readonly number[]
}

/**
 * Confidence intervals of IoUs and their mean by resampling images, each kept as the entries of its confusion matrix
 * that are not 0. For closed mIoU n is K and unknown and ignored labels are left out; for open-mIoU n is K + 1.
 *
 * @example
 * const open = new BootstrapConfusion(20, { ignore: 255, averaged: 19 })
 * for (const { id, truth, prediction } of images) open.add(truth, prediction, id)
 * const { meanIoU } = await open.intervals({ seed: 1 })
 * // meanIoU: { estimate: 0.643, low: 0.621, high: 0.661, standardError: 0.0102 }
 */
export class BootstrapConfusion {
  readonly n: number
  readonly ignore: readonly number[]
  readonly averaged: number
  readonly absent: 'skip' | 'zero'
  readonly #records = new Map<string, Cells>()

  /**
   * @param n number of classes, 1 to 1024
   * @throws INVALID_ARGUMENT for an impossible number or an unknown option
   */
  constructor(n: number, options: BootstrapConfusionOptions = {}) {
    checkOptionNames('BootstrapConfusion', options, ['ignore', 'averaged', 'absent'])
    const matrix = new ConfusionMatrix(checkInteger('n', n, 1, 1024), { ignore: options.ignore })
    this.n = matrix.n
    this.ignore = matrix.ignore
    this.averaged = checkInteger('options.averaged', options.averaged ?? n, 1, n)
    this.absent = checkOneOf('options.absent', options.absent ?? 'skip', ['skip', 'zero'])
  }

  /**
   * Adds one image. An image that is refused leaves no trace.
   *
   * @param target H×W or flat class labels 0 … n−1, or an ignore label
   * @param prediction the same size, 0 … n−1
   * @param imageName unique; the images are drawn in the order of their names
   * @throws INVALID_ARGUMENT for a name that was added before, another type, differing sizes, or a label out of range
   */
  add(target: Pixels<LabelArray>, prediction: Pixels<LabelArray>, imageName: string): this {
    const name = checkImageName(imageName, this.#records)
    const matrix = new ConfusionMatrix(this.n, { ignore: this.ignore }).add(target, prediction, name)
    const counts = matrix.result().matrix.flat()
    const columns = [...counts.keys()].filter((cell) => counts[cell] > 0)
    this.#records.set(name, { columns, counts: columns.map((cell) => counts[cell]) })
    return this
  }

  /**
   * Adds all images of `other`, which stays as it is.
   *
   * @throws INVALID_ARGUMENT where `other` is this object, has other options, or holds an image that is here already
   */
  merge(other: BootstrapConfusion): this {
    if (!(other instanceof BootstrapConfusion) || other === this)
      throw invalid('other', 'another BootstrapConfusion', other)
    const text = ({ n, ignore, averaged, absent }: BootstrapConfusion) =>
      `${n} classes, ignore [${[...ignore].sort((a, b) => a - b).join(', ')}], mean over ${averaged}, absent ${absent}`
    if (text(other) !== text(this)) throw invalid('other', `matrices of ${text(this)}`, text(other))
    for (const name of other.#records.keys()) checkImageName(name, this.#records)
    for (const [name, cells] of other.#records) this.#records.set(name, cells)
    return this
  }

  /**
   * IoU of every class and their mean, each with its interval.
   *
   * @throws DenseHybridError INVALID_ARGUMENT, ABORTED
   */
  async intervals(options: BootstrapOptions = {}): Promise<BootstrapConfusionResult> {
    const settings = checkBootstrap('intervals', options)
    const { resamples, confidence, seed } = settings
    const { n, ignore, averaged, absent } = this
    const rows = sortedByName(this.#records).map(([, cells]) => cells)
    const cells = packColumns(rows, n * n)
    const task: ConfusionTask = { kind: 'confusion', images: rows.length, cells, n, ignore, averaged, absent }
    const estimates = valuesOfAll(task)
    const reason =
      rows.length > 0 && Number.isNaN(estimates[0])
        ? 'there is no pixel of a class'
        : intervalReason(rows.length)
    const drawn = reason === undefined ? await resample(task, settings) : new Float64Array(0)
    const width = valueCount(task)
    const [meanIoU, ...iou] = Array.from(estimates, (estimate, column) =>
      intervalOf(estimate, columnOf(drawn, column, width), confidence),
    )
    return {
      meanIoU,
      iou,
      images: rows.length,
      resamples,
      undefinedResamples: columnOf(drawn, 0, width).filter(Number.isNaN).length,
      confidence,
      seed,
      ...(reason !== undefined && { reason }),
    }
  }
}
