import { checkOneOf, invalid } from '../validate.ts'
import type { ThresholdCurve } from './curve.ts'

/**
 * How "FPR at a TPR" picks its point on the curve. "Kept" points are those left by scikit-learn's `drop_intermediate`:
 * a point between two others is dropped where the second differences of tp and fp are both 0.
 *
 * - `a` first kept point with TPR > target, strictly (DenseHybrid, RbA)
 * - `b` first kept point with TPR ≥ target (Open-set-M2F, EAM, UNO)
 * - `c` first point with TPR ≥ target, none dropped (Fishyscapes)
 * - `d` FPR interpolated linearly at the target on the kept points and (0, 0) (ood-metrics, Mask2Anomaly)
 * - `e` the point up to the first full recall whose TPR is nearest to the target; of equals the one with the lowest
 *   threshold (Hendrycks' StreetHazards code, PEBAL)
 * - `f` first point with TPR ≥ target in float32, after a float32 sigmoid of all scores where one of them lies outside
 *   [0, 1] (pytorch-ood): scores that the sigmoid saturates become equal, so never choose it for unbounded scores
 */
export type FprConvention = 'a' | 'b' | 'c' | 'd' | 'e' | 'f'

/** A convention that names a threshold; `d` interpolates and has none. */
export type ThresholdConvention = Exclude<FprConvention, 'd'>

/** The conventions that exist. */
export const FPR_CONVENTIONS: readonly FprConvention[] = ['a', 'b', 'c', 'd', 'e', 'f']

/** What an FPR is called in files, e.g. `fpr95_a`: numbers of different conventions must not be compared. */
export function fprName(tpr: number, convention: FprConvention): string {
  return `fpr${Math.round(1000 * tpr) / 10}_${convention}`
}

/** One point of a curve; rates count pixels with score ≥ threshold. */
export interface OperatingPoint {
  /** Index into the curve; −1 for an interpolated point. */
  readonly index: number
  /** A score that occurs in the data; NaN for an interpolated point, which has none. */
  readonly threshold: number
  /** tp / P. */
  readonly tpr: number
  /** fp / N; NaN where there is no inlier pixel. */
  readonly fpr: number
}

/**
 * Checks a convention and a target that fits it.
 *
 * @throws INVALID_ARGUMENT for an unknown convention, a target outside (0, 1], or 1 with `a`, which no TPR exceeds
 */
export function checkConvention(
  name: string,
  convention: unknown,
  targetName: string,
  target: unknown,
): void {
  const checked = checkOneOf(name, convention, FPR_CONVENTIONS)
  if (typeof target !== 'number' || !(target > 0 && target <= 1)) {
    throw invalid(targetName, 'a rate above 0 and at most 1', target)
  }
  if (checked === 'a' && target === 1) {
    throw invalid(
      targetName,
      'a rate below 1 with convention a',
      target,
      'Convention a needs a TPR strictly above the target; use b, c or e for a target of 1.',
    )
  }
}

/**
 * The point of `curve` at a TPR of `target` under `convention`. The curve must hold at least one anomaly pixel and the
 * target must fit the convention (see {@link checkConvention}).
 */
export function pointAtTpr(curve: ThresholdCurve, target: number, convention: FprConvention): OperatingPoint {
  const { tp, positives } = curve
  const firstAbove = () => firstIndex(tp.length, (k) => tp[k] / positives > target)
  const firstReaching = () => firstIndex(tp.length, (k) => tp[k] / positives >= target)
  switch (convention) {
    case 'a':
      return pointAt(curve, firstKept(curve, firstAbove()))
    case 'b':
      return pointAt(curve, firstKept(curve, firstReaching()))
    case 'c':
      return pointAt(curve, firstReaching())
    case 'd':
      return { index: -1, threshold: Number.NaN, tpr: target, fpr: interpolatedFpr(curve, target) }
    case 'e':
      return pointAt(curve, nearestRecall(curve, target))
    case 'f':
      return pointAt(curve, firstAfterSigmoid(curve, target))
  }
}

/** Point `index` of the curve with its rates. */
export function pointAt(curve: ThresholdCurve, index: number): OperatingPoint {
  return {
    index,
    threshold: curve.thresholds[index],
    tpr: curve.tp[index] / curve.positives,
    fpr: curve.fp[index] / curve.negatives,
  }
}

/** First of 0 … n−1 for which `holds`, which must stay true once it is; n where there is none. */
export function firstIndex(n: number, holds: (index: number) => boolean): number {
  let low = 0
  let high = n
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Whether `drop_intermediate` keeps point k; the first and the last always stay. */
function isKept({ tp, fp }: ThresholdCurve, k: number): boolean {
  if (k <= 0 || k >= tp.length - 1) return true
  return tp[k + 1] - tp[k] !== tp[k] - tp[k - 1] || fp[k + 1] - fp[k] !== fp[k] - fp[k - 1]
}

function firstKept(curve: ThresholdCurve, from: number): number {
  let k = from
  while (!isKept(curve, k)) k++
  return k
}

/**
 * Linear interpolation of FPR over TPR from (0, 0) on; where the target occurs several times, the last one. Dropped
 * points lie on the line between kept ones, so all points serve as well as the kept ones.
 */
function interpolatedFpr({ tp, fp, positives, negatives }: ThresholdCurve, target: number): number {
  const right = firstIndex(tp.length, (k) => tp[k] / positives > target)
  const leftTpr = right === 0 ? 0 : tp[right - 1] / positives
  const leftFpr = right === 0 ? 0 / negatives : fp[right - 1] / negatives
  if (leftTpr === target) return leftFpr
  const slope = (fp[right] / negatives - leftFpr) / (tp[right] / positives - leftTpr)
  return slope * (target - leftTpr) + leftFpr
}

function nearestRecall({ tp, positives }: ThresholdCurve, target: number): number {
  const fullRecall = firstIndex(tp.length, (k) => tp[k] >= positives)
  let best = fullRecall
  let bestDistance = Math.abs(1 - target)
  for (let k = fullRecall - 1; k >= 0; k--) {
    const distance = Math.abs(tp[k] / positives - target)
    if (distance < bestDistance) {
      best = k
      bestDistance = distance
    }
  }
  return best
}

/** Scores that the sigmoid makes equal are one point: the last of them. */
function firstAfterSigmoid({ thresholds, tp, positives }: ThresholdCurve, target: number): number {
  const reached = firstIndex(tp.length, (k) => Math.fround(tp[k] / positives) >= Math.fround(target))
  if (thresholds[0] <= 1 && thresholds[thresholds.length - 1] >= 0) return reached
  const sigmoid = (k: number) => Math.fround(1 / Math.fround(1 + Math.fround(Math.exp(-thresholds[k]))))
  const value = sigmoid(reached)
  return firstIndex(tp.length, (k) => sigmoid(k) < value) - 1
}
