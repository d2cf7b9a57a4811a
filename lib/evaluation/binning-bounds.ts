import { firstIndex, type OperatingPoint, pointAtTpr } from './operating-point.ts'
import { type CurveTask, curveOfAll } from './resampling.ts'

/** The most by which values of binned scores can differ from those of the scores themselves. */
export interface BinningBounds {
  readonly ap: number
  readonly auroc: number
  readonly fpr: number
}

/**
 * How much binning can change each value, NaN where it is undefined. Counts at the edges of bins are exact; only the
 * order within a bin is lost.
 *
 * - AP: within a bin, all anomalies at one score above all inliers, or every anomaly alone below all inliers. The sum
 *   Σ (TP + i) / (TP + i + F) over the anomalies i of a bin is at least p − F · ln(1 + p / (TP + F)).
 * - AUROC: half of the pairs of an anomaly and an inlier in one bin.
 * - FPR: the inliers of the bin in which the TPR is reached. With conventions `a` and `b`, points that lie on one line
 *   with their neighbours, and with `e` points of equal TPR, can add to this; both are rare with real scores.
 */
export function binningBounds(task: CurveTask): BinningBounds {
  const curve = curveOfAll(task)
  const { tp, fp, positives, negatives } = curve
  if (positives === 0 || negatives === 0) return { ap: Number.NaN, auroc: Number.NaN, fpr: Number.NaN }
  let above = 0
  let below = 0
  let pairs = 0
  for (let k = 0; k < tp.length; k++) {
    const [tpBefore, fpBefore] = k === 0 ? [0, 0] : [tp[k - 1], fp[k - 1]]
    const p = tp[k] - tpBefore
    const q = fp[k] - fpBefore
    if (p === 0 || fp[k] === 0) continue // precision is 1 down to here
    const binned = p * (tp[k] / (tp[k] + fp[k]))
    const best = p * (tp[k] / (tp[k] + fpBefore))
    const worst = p - fp[k] * Math.log1p(p / (tpBefore + fp[k]))
    above += best - binned
    below += binned - worst
    pairs += p * q
  }
  const point = pointAtTpr(curve, task.tpr, task.convention)
  return {
    ap: Math.max(above, below) / positives,
    auroc: pairs / (2 * positives * negatives),
    fpr: fprBound(task, curve, point),
  }
}

function fprBound(
  { tpr, convention }: CurveTask,
  { tp, fp, positives, negatives }: ReturnType<typeof curveOfAll>,
  point: OperatingPoint,
): number {
  const isStrict = convention === 'a' || convention === 'd'
  const reached = firstIndex(tp.length, (k) =>
    isStrict ? tp[k] / positives > tpr : tp[k] / positives >= tpr,
  )
  // Interpolation at a TPR of 1 has no point above it.
  const crossing = Math.min(reached, tp.length - 1)
  const lowest = crossing === 0 ? 0 : fp[crossing - 1] / negatives
  const highest = Math.max(fp[crossing], fp[Math.max(0, point.index)]) / negatives
  return Math.max(point.fpr - lowest, highest - point.fpr)
}
