import { checkInteger, checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { undefinedReason } from './anomaly.ts'
import type { ThresholdCurve } from './curve.ts'

/** Options of {@link decimateCurve}. */
export interface DecimateOptions {
  /** How far the curves through the kept points may be from the full ones, in rate units, 0 to 1. Default 0.001. */
  readonly maximumError?: number
  /** At least 2. Where `maximumError` would need more points, fewer are kept and `error` tells how far they lead. */
  readonly maximumPoints?: number
}

/** One point of a curve with its rates, all of them of pixels with score ≥ threshold. */
export interface CurvePoint {
  readonly threshold: number
  readonly tp: number
  readonly fp: number
  /** tp / P, which is recall too. */
  readonly tpr: number
  /** fp / N. */
  readonly fpr: number
  /** tp / (tp + fp). */
  readonly precision: number
}

/** Values of {@link decimateCurve}. */
export interface DecimatedCurve {
  /** The kept points, highest threshold first; empty where a class is missing. */
  readonly points: readonly CurvePoint[]
  /** Their places in the full curve, ascending. */
  readonly indices: readonly number[]
  /** The larger of `rocError` and `precisionError`. */
  readonly error: number
  /** Largest distance between the ROC curves in max norm, measured. */
  readonly rocError: number
  /** Largest difference in precision between the PR curves at any recall, measured. */
  readonly precisionError: number
  /** Number of points of the full curve. */
  readonly fullLength: number
  /** Why there is no point; absent where there are some. */
  readonly reason?: string
}

/**
 * Few points of a curve that draw the same ROC and PR curves up to a bound. The first and the last point are always
 * kept. One pass over the curve and one that measures the error.
 *
 * **ROC** joins (0, 0) and the points (FPR, TPR) by straight lines. In the coordinates u = TPR + FPR and
 * v = (TPR − FPR) / 2 it is a function v(u), because u grows from point to point. Two points of equal u whose v differ
 * by d differ by d in TPR and by −d in FPR: d is their distance in max norm. The curve through the kept points starts
 * and ends at points of the full one, so both are functions over the same u, and their difference is linear between
 * points of the full curve: it is largest at a dropped point. A bound on |Δv| at the dropped points thus bounds the
 * distance of every point of either curve from the other curve.
 *
 * **PR** is the step function of AP: precision at recall R is that of the first point that reaches R. Between the kept
 * points i < j the curve through the kept points has the precision of j, so the difference at any recall is at most
 * the largest |precision of k − precision of j| over those k in (i, j] whose recall exceeds that of k − 1. AP of the
 * kept points is therefore off by no more than `precisionError`.
 *
 * Both conditions are checked on the way: a point may follow the last kept one when the line to it passes within the
 * bound of all points between (an interval of slopes that only shrinks) and its precision is within the bound of their
 * lowest and highest. When a point may not, the one before it is kept; a next neighbour always may.
 *
 * @throws INVALID_ARGUMENT for another value or an unknown option
 *
 * @example
 * const { points, error } = decimateCurve(metrics.curve(), { maximumError: 1e-3 })
 */
export function decimateCurve(curve: ThresholdCurve, options: DecimateOptions = {}): DecimatedCurve {
  checkCurve(curve)
  checkOptionNames('decimateCurve', options, ['maximumError', 'maximumPoints'])
  const bound = checkNumber('options.maximumError', options.maximumError ?? 1e-3, 0, 1)
  const limit = checkInteger('options.maximumPoints', options.maximumPoints ?? Number.MAX_SAFE_INTEGER, 2)
  const fullLength = curve.thresholds.length
  const reason = undefinedReason(curve)
  if (reason !== undefined) {
    return { points: [], indices: [], error: 0, rocError: 0, precisionError: 0, fullLength, reason }
  }
  let indices = keptIndices(curve, bound)
  if (indices.length > limit) indices = fewerIndices(curve, indices, limit)
  const { rocError, precisionError } = measureErrors(curve, indices)
  return {
    points: indices.map((index) => curvePoint(curve, index)),
    indices,
    error: Math.max(rocError, precisionError),
    rocError,
    precisionError,
    fullLength,
  }
}

/** Point `index` of a curve with its rates; a rate whose class is missing is NaN. */
export function curvePoint(curve: ThresholdCurve, index: number): CurvePoint {
  const tp = curve.tp[index]
  const fp = curve.fp[index]
  return {
    threshold: curve.thresholds[index],
    tp,
    fp,
    tpr: tp / curve.positives,
    fpr: fp / curve.negatives,
    precision: tp / (tp + fp),
  }
}

/**
 * Checks the parts of a curve that its readers rely on.
 *
 * @throws INVALID_ARGUMENT
 */
export function checkCurve(curve: ThresholdCurve): void {
  const { thresholds, tp, fp, positives, negatives } = curve ?? {}
  const isCurve =
    thresholds instanceof Float32Array &&
    tp instanceof Float64Array &&
    fp instanceof Float64Array &&
    tp.length === thresholds.length &&
    fp.length === thresholds.length
  if (!isCurve) throw invalid('curve', 'a curve as from AnomalyMetrics.curve()', curve)
  const last = thresholds.length - 1
  if (positives !== (tp[last] ?? 0) || negatives !== (fp[last] ?? 0)) {
    throw invalid('curve', 'a curve whose last point holds all positives and negatives', [
      positives,
      negatives,
    ])
  }
}

/** The greedy pass that {@link decimateCurve} describes; `bound` 1 is met by the two ends of any curve. */
function keptIndices({ tp, fp, positives, negatives }: ThresholdCurve, bound: number): number[] {
  const kept = [0]
  let startU = tp[0] / positives + fp[0] / negatives
  let startV = (tp[0] / positives - fp[0] / negatives) / 2
  let leastSlope = -Infinity
  let greatestSlope = Infinity
  let lowest = Infinity
  let highest = -Infinity
  for (let k = 1; k < tp.length; k++) {
    const tpr = tp[k] / positives
    const fpr = fp[k] / negatives
    const v = (tpr - fpr) / 2
    const precision = tp[k] / (tp[k] + fp[k])
    let rise = v - startV
    let run = tpr + fpr - startU
    if (tp[k] > tp[k - 1]) {
      if (precision < lowest) lowest = precision
      if (precision > highest) highest = precision
    }
    if (
      rise < leastSlope * run ||
      rise > greatestSlope * run ||
      highest - precision > bound ||
      precision - lowest > bound
    ) {
      kept.push(k - 1)
      const previousTpr = tp[k - 1] / positives
      const previousFpr = fp[k - 1] / negatives
      startU = previousTpr + previousFpr
      startV = (previousTpr - previousFpr) / 2
      rise = v - startV
      run = tpr + fpr - startU
      leastSlope = -Infinity
      greatestSlope = Infinity
      lowest = tp[k] > tp[k - 1] ? precision : Infinity
      highest = tp[k] > tp[k - 1] ? precision : -Infinity
    }
    leastSlope = Math.max(leastSlope, (rise - bound) / run)
    greatestSlope = Math.min(greatestSlope, (rise + bound) / run)
  }
  if (tp.length > 1) kept.push(tp.length - 1)
  return kept
}

/**
 * At most `limit` of `indices`: their curve is decimated again by the smallest bound that does, found by bisection on
 * its logarithm.
 */
function fewerIndices(curve: ThresholdCurve, indices: readonly number[], limit: number): number[] {
  const coarse: ThresholdCurve = {
    ...curve,
    thresholds: Float32Array.from(indices, (index) => curve.thresholds[index]),
    tp: Float64Array.from(indices, (index) => curve.tp[index]),
    fp: Float64Array.from(indices, (index) => curve.fp[index]),
  }
  let low = Math.log(1e-7)
  let high = 0
  let best = keptIndices(coarse, 1)
  for (let step = 0; step < 14; step++) {
    const middle = (low + high) / 2
    const candidate = keptIndices(coarse, Math.exp(middle))
    if (candidate.length > limit) low = middle
    else {
      high = middle
      best = candidate
    }
  }
  return best.map((place) => indices[place])
}

function measureErrors(
  { tp, fp, positives, negatives }: ThresholdCurve,
  indices: readonly number[],
): { rocError: number; precisionError: number } {
  let rocError = 0
  let precisionError = 0
  for (let place = 1; place < indices.length; place++) {
    const from = indices[place - 1]
    const to = indices[place]
    const fromTpr = tp[from] / positives
    const fromFpr = fp[from] / negatives
    const deltaTpr = tp[to] / positives - fromTpr
    const deltaFpr = fp[to] / negatives - fromFpr
    const precision = tp[to] / (tp[to] + fp[to])
    for (let k = from + 1; k < to; k++) {
      const cross = (tp[k] / positives - fromTpr) * deltaFpr - (fp[k] / negatives - fromFpr) * deltaTpr
      rocError = Math.max(rocError, Math.abs(cross) / (deltaTpr + deltaFpr))
      if (tp[k] > tp[k - 1]) {
        precisionError = Math.max(precisionError, Math.abs(tp[k] / (tp[k] + fp[k]) - precision))
      }
    }
  }
  return { rocError, precisionError }
}
