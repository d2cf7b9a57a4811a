import type { ThresholdCurve } from './curve.ts'
import { firstIndex } from './operating-point.ts'

/** Precision over recall at 51 points, both ascending in recall. */
export interface FishyscapesCurve {
  readonly recall: readonly number[]
  readonly precision: readonly number[]
}

/**
 * The curve that Fishyscapes publishes: (0, 1), then for p = 1 … 49 the first point whose recall is at least 0.02 · p in float64,
 * then the first of full recall. NaN where there is no anomaly pixel.
 */
export function fishyscapesCurve({ tp, fp, positives }: ThresholdCurve): FishyscapesCurve {
  const last = tp.length - 1
  const indices = Array.from({ length: 49 }, (_, i) =>
    firstIndex(last, (k) => tp[k] / positives >= 0.02 * (i + 1)),
  )
  const full = firstIndex(last, (k) => tp[k] >= positives)
  const points = last < 0 ? [] : [...indices, full]
  return {
    recall: [0, ...points.map((k) => tp[k] / positives)],
    precision: [1, ...points.map((k) => tp[k] / (tp[k] + fp[k]))],
  }
}
