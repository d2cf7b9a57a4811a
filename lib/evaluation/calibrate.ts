import { DenseHybridError } from '../errors.ts'
import { checkOptionNames, invalid } from '../validate.ts'
import { AnomalyMetrics, undefinedReason } from './anomaly.ts'
import type { ThresholdCurve } from './curve.ts'
import {
  checkConvention,
  type FprConvention,
  firstIndex,
  pointAt,
  pointAtTpr,
  type ThresholdConvention,
} from './operating-point.ts'

/**
 * What a threshold is calibrated for:
 *
 * - `{ tpr, convention }` a TPR in (0, 1] (default 0.95), by convention `a`, `b`, `c`, `e` or `f` (default `a`)
 * - `{ fpr }` the lowest threshold whose FPR is at most `fpr`, in [0, 1)
 * - `'best-f1'` the highest F1 = 2tp / (2tp + fp + fn); of equals the highest threshold
 */
export type CalibrationTarget =
  | { readonly tpr?: number; readonly convention?: ThresholdConvention }
  | { readonly fpr: number }
  | 'best-f1'

/** A calibrated threshold and its rates on the data it was calibrated on. */
export interface Calibration {
  /** A score that occurs in the data. */
  readonly threshold: number
  /** TPR as every published number counts it: score ≥ threshold. */
  readonly tpr: number
  /** FPR counted the same way; NaN where there is no inlier pixel. */
  readonly fpr: number
  /** How the threshold was chosen. */
  readonly convention: FprConvention | 'fpr' | 'best-f1'
  /** What a segmenter gets, which rejects score > threshold strictly: pixels that equal the threshold stay known. */
  readonly applied: { readonly tpr: number; readonly fpr: number }
}

/**
 * Chooses the threshold that rejects pixels as unknown.
 *
 * The rates of the curve, and so `tpr` and `fpr`, count score ≥ threshold. Segmenters apply score > threshold strictly:
 * the pixels whose score is the threshold itself are not rejected. `applied` holds the rates under that rule.
 *
 * @param data scores and targets of the calibration images, or their curve
 * @throws EMPTY where the data lacks the pixels that the target needs; INVALID_ARGUMENT for an unknown or impossible target
 *
 * @example
 * calibrateThreshold(metrics, { tpr: 0.95 })
 * // { threshold: 0.263, tpr: 0.9503, fpr: 0.2945, convention: 'a', applied: { tpr: 0.95, fpr: 0.2945 } }
 */
export function calibrateThreshold(
  data: AnomalyMetrics | ThresholdCurve,
  target: CalibrationTarget = {},
): Calibration {
  const choose = chooserOf(target)
  const curve = data instanceof AnomalyMetrics ? data.curve() : checkCurve(data)
  const { index, convention } = choose(curve)
  const { threshold, tpr, fpr } = pointAt(curve, index)
  const above =
    index === 0
      ? { tpr: 0 / curve.positives, fpr: 0 / curve.negatives }
      : { tpr: pointAt(curve, index - 1).tpr, fpr: pointAt(curve, index - 1).fpr }
  return { threshold, tpr, fpr, convention, applied: above }
}

interface Choice {
  readonly index: number
  readonly convention: Calibration['convention']
}

/** Checks the target before any work starts and returns the rule that it asks for. */
function chooserOf(target: CalibrationTarget): (curve: ThresholdCurve) => Choice {
  if (target === 'best-f1') return (curve) => ({ index: bestF1(curve), convention: 'best-f1' })
  if (typeof target !== 'object' || target === null) {
    throw invalid('target', "{ tpr, convention }, { fpr } or 'best-f1'", target)
  }
  if ('fpr' in target) {
    checkOptionNames('a calibration at an FPR', target, ['fpr'])
    const { fpr } = target
    if (typeof fpr !== 'number' || !(fpr >= 0 && fpr < 1))
      throw invalid('target.fpr', 'a rate of at least 0 and below 1', fpr)
    return (curve) => ({ index: lastAtFpr(curve, fpr), convention: 'fpr' })
  }
  checkOptionNames('a calibration at a TPR', target, ['tpr', 'convention'])
  const { tpr = 0.95, convention = 'a' } = target
  checkConvention('target.convention', convention, 'target.tpr', tpr)
  if ((convention as FprConvention) === 'd') {
    throw invalid(
      'target.convention',
      'a, b, c, e or f',
      convention,
      'Convention d interpolates an FPR and names no threshold.',
    )
  }
  return (curve) => {
    need(curve, curve.positives, 'a TPR')
    return { index: pointAtTpr(curve, tpr, convention).index, convention }
  }
}

function bestF1(curve: ThresholdCurve): number {
  need(curve, curve.positives, 'the best F1')
  const { tp, fp, positives } = curve
  let best = 0
  let bestValue = -1
  for (let k = 0; k < tp.length; k++) {
    const value = (2 * tp[k]) / (tp[k] + fp[k] + positives) // tp + fn = P
    if (value > bestValue) {
      best = k
      bestValue = value
    }
  }
  return best
}

function lastAtFpr(curve: ThresholdCurve, fpr: number): number {
  need(curve, curve.negatives, 'an FPR')
  const index = firstIndex(curve.fp.length, (k) => curve.fp[k] / curve.negatives > fpr) - 1
  if (index >= 0) return index
  throw invalid(
    'target.fpr',
    `at least ${curve.fp[0] / curve.negatives}, the FPR of the highest score,`,
    fpr,
    'Inlier pixels share the highest score: no threshold of the data has a lower FPR.',
  )
}

function need(curve: ThresholdCurve, pixels: number, what: string): void {
  if (pixels > 0) return
  throw new DenseHybridError('EMPTY', `Cannot calibrate for ${what}: ${undefinedReason(curve)}.`, {
    hint: 'Calibrate on images that hold both anomaly and inlier pixels.',
  })
}

function checkCurve(curve: ThresholdCurve): ThresholdCurve {
  const { thresholds, tp, fp } = (curve ?? {}) as Partial<ThresholdCurve>
  if (thresholds === undefined || thresholds.length !== tp?.length || thresholds.length !== fp?.length) {
    throw invalid('data', 'AnomalyMetrics or a curve { thresholds, tp, fp, positives, negatives }', curve)
  }
  return curve
}
