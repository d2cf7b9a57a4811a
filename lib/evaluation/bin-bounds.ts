import type { ThresholdCurve } from './curve.ts'
import { firstIndex } from './operating-point.ts'

/** Lowest and highest value. */
export type Range = readonly [number, number]

/** Between which values the exact metrics lie, whatever the order of the scores within the bins. */
export interface BinBounds {
  readonly ap: Range
  readonly auroc: Range
  /** Of convention c. Dropped points may lead the conventions a and b beyond it. */
  readonly fpr: Range
}

/**
 * What a curve over bins says for certain about the curve over scores. A bin of p anomalies and n inliers, behind tp
 * and fp with higher scores, moves
 *
 * - AP: at best its anomalies come first and together, precision (tp+p)/(tp+p+fp) for all p of them; at worst they come
 *   last and one by one, Σ_i (tp+i)/(tp+i+F) with F = fp+n. The bound uses Σ_i 1/(c+i) ≤ ln((c+p)/c), c = tp+F.
 * - AUROC by p·n/2 pairs in both directions,
 * - FPR at a TPR: the exact point lies in the bin that reaches the TPR.
 *
 * NaN where the metric itself is.
 */
export function binBounds(curve: ThresholdCurve, target: number): BinBounds {
  const { tp, fp, positives, negatives } = curve
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
    const c = tpBefore + fp[k]
    worst += fp[k] === 0 ? p : Math.max(0, p - fp[k] * Math.log1p(p / c))
  }
  const crossing = firstIndex(tp.length, (k) => tp[k] / positives >= target)
  const auroc = area / positives / negatives / 2
  const half = pairs / positives / negatives / 2
  return {
    ap: [worst / positives, best / positives],
    auroc: [auroc - half, auroc + half],
    fpr:
      positives === 0
        ? [Number.NaN, Number.NaN]
        : [crossing === 0 ? 0 / negatives : fp[crossing - 1] / negatives, fp[crossing] / negatives],
  }
}
