import type { ThresholdCurve } from './curve.ts'
import { type FprConvention, firstIndex, pointAtTpr } from './operating-point.ts'

/** Lowest and highest value. */
export type Range = readonly [number, number]

/** Between which values the exact metrics lie, whatever the order of the scores within the bins. */
export interface BinBounds {
  readonly ap: Range
  readonly auroc: Range
  /** With the conventions `a` and `b`, points that lie on one line with their neighbours can lead beyond it; rare. */
  readonly fpr: Range
}

const UNDEFINED: Range = [Number.NaN, Number.NaN]

/**
 * What a curve over bins says about the curve over scores. Counts at the edges of bins are exact; a bin of p anomalies
 * and n inliers, behind tp and fp with higher scores, moves
 *
 * - AP: at best its anomalies come first and together, precision (tp+p)/(tp+p+fp) for all p of them; at worst they come
 *   last and one by one, Σ_i (tp+i)/(tp+i+F) with F = fp+n. The bound uses Σ_i 1/(c+i) ≤ ln((c+p)/c), c = tp+F.
 * - AUROC by p·n/2 pairs in both directions,
 * - FPR at a TPR by no more than the inliers of the bin in which the TPR is reached.
 *
 * NaN where the metric itself is.
 */
export function binBounds(curve: ThresholdCurve, target: number, convention: FprConvention): BinBounds {
  const { tp, fp, positives, negatives } = curve
  if (positives === 0) return { ap: UNDEFINED, auroc: UNDEFINED, fpr: UNDEFINED }
  let best = 0
  let worst = 0
  let pairs = 0
  let area = 0
  for (let k = 0; k < tp.length; k++) {
    const tpBefore = k === 0 ? 0 : tp[k - 1]
    const fpBefore = k === 0 ? 0 : fp[k - 1]
    const p = tp[k] - tpBefore
    const n = fp[k] - fpBefore
    pairs += p * n
    area += n * (tp[k] + tpBefore)
    if (p === 0) continue
    best += p * (tp[k] / (tp[k] + fpBefore))
    worst += fp[k] === 0 ? p : Math.max(0, p - fp[k] * Math.log1p(p / (tpBefore + fp[k])))
  }
  const auroc = area / positives / negatives / 2
  const half = pairs / positives / negatives / 2
  return {
    ap: [worst / positives, best / positives],
    auroc: [auroc - half, auroc + half],
    fpr: fprRange(curve, target, convention),
  }
}

function fprRange(curve: ThresholdCurve, target: number, convention: FprConvention): Range {
  const { tp, fp, positives, negatives } = curve
  const isStrict = convention === 'a' || convention === 'd'
  const reached = firstIndex(tp.length, (k) =>
    isStrict ? tp[k] / positives > target : tp[k] / positives >= target,
  )
  // Interpolation at a TPR of 1 has no point above it.
  const crossing = Math.min(reached, tp.length - 1)
  const { index } = pointAtTpr(curve, target, convention)
  const lowest = crossing === 0 ? 0 : fp[crossing - 1]
  if (convention === 'e' && tp[crossing] < positives) {
    // Of points of equal TPR it takes the last, which lies before the next anomaly.
    const next = firstIndex(tp.length, (k) => tp[k] > tp[crossing])
    return [lowest / negatives, fp[next] / negatives]
  }
  return [lowest / negatives, Math.max(fp[crossing], fp[Math.max(0, index)]) / negatives]
}
