import { random } from '../random.ts'
import { classTallies, iouOf, meanSkippingNaN } from './confusion.ts'
import { areaUnderRoc, averagePrecision, type ThresholdCurve } from './curve.ts'
import { type FprConvention, pointAtTpr } from './operating-point.ts'

/** A sparse matrix of counts, one row an image: column c holds entries starts[c] … starts[c + 1] − 1. */
export interface SparseColumns {
  readonly starts: Int32Array
  readonly images: Int32Array
  readonly counts: Float64Array
  /** Number of columns. */
  readonly width: number
}

/** AP, AUROC and FPR of pooled pixels; columns are bins of scores, the highest first. */
export interface CurveTask {
  readonly kind: 'curve'
  readonly images: number
  readonly positives: SparseColumns
  readonly negatives: SparseColumns
  readonly tpr: number
  readonly convention: FprConvention
}

/** Mean IoU over the first `averaged` classes, then the IoU of every class; columns are target · n + prediction. */
export interface ConfusionTask {
  readonly kind: 'confusion'
  readonly images: number
  readonly cells: SparseColumns
  readonly n: number
  readonly ignore: readonly number[]
  readonly averaged: number
  readonly absent: 'skip' | 'zero'
}

/** The mean of one value an image. */
export interface MeanTask {
  readonly kind: 'mean'
  readonly images: number
  readonly values: Float64Array
}

/** What is computed from every resample. Plain data on shared memory, so that worker threads get it without a copy. */
export type ResamplingTask = CurveTask | ConfusionTask | MeanTask

/** How many resamples are summed in one walk through the counts. */
export const BLOCK = 8

/** Packs rows of columns and their counts, one row an image, into shared memory, column by column. */
export function packColumns(
  rows: readonly { readonly columns: ArrayLike<number>; readonly counts: ArrayLike<number> }[],
  width: number,
): SparseColumns {
  const entries = rows.reduce((sum, { counts }) => sum + counts.length, 0)
  const starts = new Int32Array(new SharedArrayBuffer(4 * (width + 1)))
  const images = new Int32Array(new SharedArrayBuffer(4 * entries))
  const counts = new Float64Array(new SharedArrayBuffer(8 * entries))
  for (const { columns } of rows) for (let e = 0; e < columns.length; e++) starts[columns[e] + 1]++
  for (let column = 0; column < width; column++) starts[column + 1] += starts[column]
  const next = starts.slice()
  for (const [image, row] of rows.entries()) {
    for (let e = 0; e < row.columns.length; e++) {
      const at = next[row.columns[e]]++
      images[at] = image
      counts[at] = row.counts[e]
    }
  }
  return { starts, images, counts, width }
}

/** How many values one resample has. */
export function valueCount(task: ResamplingTask): number {
  return task.kind === 'curve' ? 3 : task.kind === 'confusion' ? 1 + task.n : 1
}

/** The values of all images as they are, each once. */
export function valuesOfAll(task: ResamplingTask): Float64Array {
  return new Resampler(task).values(() => 1, 1)
}

/** The binned curve of all images as they are. */
export function curveOfAll(task: CurveTask): ThresholdCurve {
  const resampler = new Resampler(task)
  resampler.values(() => 1, 1)
  return resampler.curveOf(0)
}

/**
 * Computes the values of resamples block by block. Resample r draws as many images as there are, with replacement, from
 * a random stream of its own, so that its values depend on seed and r alone.
 */
export class Resampler {
  readonly #task: ResamplingTask
  readonly #weights: Float64Array
  readonly #sums: Float64Array[]
  readonly #curve: { thresholds: Float32Array; tp: Float64Array; fp: Float64Array }

  constructor(task: ResamplingTask) {
    this.#task = task
    this.#weights = new Float64Array(task.images * BLOCK)
    const matrices =
      task.kind === 'curve' ? [task.positives, task.negatives] : task.kind === 'confusion' ? [task.cells] : []
    this.#sums = matrices.map(({ width }) => new Float64Array(width * BLOCK))
    const bins = task.kind === 'curve' ? task.positives.width : 0
    this.#curve = {
      thresholds: new Float32Array(bins),
      tp: new Float64Array(bins),
      fp: new Float64Array(bins),
    }
  }

  /** The values of resamples `from` … `from + size − 1`, at most {@link BLOCK}, one row a resample. */
  draw(seed: number, from: number, size: number): Float64Array {
    const { images } = this.#task
    const drawn = Array.from({ length: size }, (_, j) => {
      const stream = random(seed, from + j)
      const times = new Int32Array(images)
      for (let i = 0; i < images; i++) times[stream.integer(0, images - 1)]++
      return times
    })
    return this.values((image, j) => drawn[j][image], size)
  }

  /** The values where image i counts `weight(i, j)` times in row j < size. */
  values(weight: (image: number, row: number) => number, size: number): Float64Array {
    const task = this.#task
    this.#weights.fill(0)
    for (let i = 0; i < task.images; i++)
      for (let j = 0; j < size; j++) this.#weights[i * BLOCK + j] = weight(i, j)
    if (task.kind === 'curve') {
      addColumns(task.positives, this.#weights, this.#sums[0])
      addColumns(task.negatives, this.#weights, this.#sums[1])
    } else if (task.kind === 'confusion') {
      addColumns(task.cells, this.#weights, this.#sums[0])
    }
    const width = valueCount(task)
    const values = new Float64Array(size * width)
    for (let j = 0; j < size; j++) values.set(this.#statistics(j), j * width)
    return values
  }

  #statistics(row: number): number[] {
    const task = this.#task
    switch (task.kind) {
      case 'curve':
        return curveStatistics(this.curveOf(row), task)
      case 'confusion':
        return confusionStatistics(this.#matrixOf(row), task)
      case 'mean': {
        let sum = 0
        for (let i = 0; i < task.images; i++) sum += this.#weights[i * BLOCK + row] * task.values[i]
        return [sum / task.images]
      }
    }
  }

  #matrixOf(row: number): Float64Array {
    const [cells] = this.#sums
    const matrix = new Float64Array(cells.length / BLOCK)
    for (let i = 0; i < matrix.length; i++) matrix[i] = cells[i * BLOCK + row]
    return matrix
  }

  /** The cumulative curve of one row of the last block, without the bins that are empty in it; stale after the next. */
  curveOf(row: number): ThresholdCurve {
    const [positives, negatives] = this.#sums
    const { thresholds, tp, fp } = this.#curve
    let truePositives = 0
    let falsePositives = 0
    let points = 0
    for (let at = row; at < positives.length; at += BLOCK) {
      if (positives[at] === 0 && negatives[at] === 0) continue
      tp[points] = truePositives += positives[at]
      fp[points++] = falsePositives += negatives[at]
    }
    return {
      thresholds: thresholds.subarray(0, points),
      tp: tp.subarray(0, points),
      fp: fp.subarray(0, points),
      positives: truePositives,
      negatives: falsePositives,
    }
  }
}

/** AP, AUROC, FPR; all NaN where either class is missing. */
function curveStatistics(curve: ThresholdCurve, { tpr, convention }: CurveTask): number[] {
  if (curve.positives === 0 || curve.negatives === 0) return [Number.NaN, Number.NaN, Number.NaN]
  return [averagePrecision(curve), areaUnderRoc(curve), pointAtTpr(curve, tpr, convention).fpr]
}

function confusionStatistics(counts: Float64Array, { n, ignore, averaged, absent }: ConfusionTask): number[] {
  const iou = classTallies(counts, n, ignore).map(iouOf)
  const first = iou.slice(0, averaged)
  const mean = meanSkippingNaN(
    absent === 'skip' ? first : first.map((value) => (Number.isNaN(value) ? 0 : value)),
  )
  return [mean, ...iou]
}

/** sums[column][j] = Σ over images of weights[image][j] · counts[image][column], for all j of a block. */
function addColumns(matrix: SparseColumns, weights: Float64Array, sums: Float64Array): void {
  const { starts, images, counts, width } = matrix
  for (let column = 0; column < width; column++) {
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    let s4 = 0
    let s5 = 0
    let s6 = 0
    let s7 = 0
    for (let e = starts[column]; e < starts[column + 1]; e++) {
      const count = counts[e]
      const at = images[e] * BLOCK
      s0 += weights[at] * count
      s1 += weights[at + 1] * count
      s2 += weights[at + 2] * count
      s3 += weights[at + 3] * count
      s4 += weights[at + 4] * count
      s5 += weights[at + 5] * count
      s6 += weights[at + 6] * count
      s7 += weights[at + 7] * count
    }
    const at = column * BLOCK
    sums[at] = s0
    sums[at + 1] = s1
    sums[at + 2] = s2
    sums[at + 3] = s3
    sums[at + 4] = s4
    sums[at + 5] = s5
    sums[at + 6] = s6
    sums[at + 7] = s7
  }
}
