import { scoresInPlace } from './score-keys.ts'
import type { ScoreStore } from './score-store.ts'

/**
 * Exact counts at every distinct score, highest first: at point k, `tp[k]` anomaly pixels and `fp[k]` inlier pixels
 * have a score ≥ `thresholds[k]`. Pixels of equal score are one point. The start (0, 0) is not in it; the last point
 * is (positives, negatives). Counts are exact up to 2^53.
 */
export interface ThresholdCurve {
  readonly thresholds: Float32Array
  readonly tp: Float64Array
  readonly fp: Float64Array
  /** P, all anomaly pixels. */
  readonly positives: number
  /** N, all inlier pixels. */
  readonly negatives: number
}

/** The curve of anomaly scores against inlier scores. */
export function buildCurve(anomalies: ScoreStore, inliers: ScoreStore): ThresholdCurve {
  const upperBound = anomalies.distinct() + inliers.distinct()
  const keys = new Int32Array(upperBound)
  const tp = new Float64Array(upperBound)
  const fp = new Float64Array(upperBound)
  const positive = anomalies.descending()
  const negative = inliers.descending()
  let hasPositive = positive.next()
  let hasNegative = negative.next()
  let truePositives = 0
  let falsePositives = 0
  let points = 0
  while (hasPositive || hasNegative) {
    const key = !hasNegative || (hasPositive && positive.key >= negative.key) ? positive.key : negative.key
    if (hasPositive && positive.key === key) {
      truePositives += positive.count
      hasPositive = positive.next()
    }
    if (hasNegative && negative.key === key) {
      falsePositives += negative.count
      hasNegative = negative.next()
    }
    keys[points] = key
    tp[points] = truePositives
    fp[points] = falsePositives
    points++
  }
  return {
    thresholds: scoresInPlace(keys.subarray(0, points)),
    tp: tp.subarray(0, points),
    fp: fp.subarray(0, points),
    positives: truePositives,
    negatives: falsePositives,
  }
}

/**
 * Average precision, the step function Σ (R_k − R_{k−1}) · tp_k / (tp_k + fp_k) with R = tp / P (not the trapezoid).
 * 1 where there is no inlier pixel; NaN where there is no anomaly pixel.
 */
export function averagePrecision(curve: ThresholdCurve): number {
  const { tp, fp, positives } = curve
  if (positives === 0) return Number.NaN
  const sum = new CompensatedSum()
  let previous = 0
  for (let k = 0; k < tp.length; k++) {
    if (tp[k] === previous) continue
    sum.add((tp[k] - previous) * (tp[k] / (tp[k] + fp[k])))
    previous = tp[k]
  }
  return sum.value / positives
}

/** Area under (fp/N, tp/P) from (0, 0), by trapezoids: ties count half. NaN where either class is missing. */
export function areaUnderRoc(curve: ThresholdCurve): number {
  const { tp, fp, positives, negatives } = curve
  if (positives === 0 || negatives === 0) return Number.NaN
  const doubleArea = new CompensatedSum()
  let previousTp = 0
  let previousFp = 0
  for (let k = 0; k < tp.length; k++) {
    if (fp[k] !== previousFp) doubleArea.add((fp[k] - previousFp) * (tp[k] + previousTp))
    previousTp = tp[k]
    previousFp = fp[k]
  }
  return doubleArea.value / positives / negatives / 2
}

/** Neumaier's sum: 10^8 terms would otherwise lose the twelfth digit. */
class CompensatedSum {
  #sum = 0
  #lost = 0

  add(term: number): void {
    const next = this.#sum + term
    this.#lost += Math.abs(this.#sum) >= Math.abs(term) ? this.#sum - next + term : term - next + this.#sum
    this.#sum = next
  }

  get value(): number {
    return this.#sum + this.#lost
  }
}
