import { AnomalyMetrics } from '../../../lib/evaluation/anomaly.ts'
import type { ThresholdCurve } from '../../../lib/evaluation/curve.ts'
import { fishyscapesCurve } from '../../../lib/evaluation/fishyscapes-curve.ts'
import { FPR_CONVENTIONS, type FprConvention } from '../../../lib/evaluation/operating-point.ts'
import { PerImageAnomalyMetrics } from '../../../lib/evaluation/per-image.ts'
import { readNpyLabels, readNpyScores } from '../../support/npy.ts'
import { type Expected, filesOf, Scalars } from './metrics-case.ts'
import { smiycPixelChecks } from './metrics-smiyc.ts'

/** Exact pixel metrics of one case: pooled, image by image, means over images, Fishyscapes' curve. */
export function pixelChecks(folder: string, want: Expected): Scalars {
  const checks = new Scalars(1e-12)
  const images = filesOf(folder, /_score\.npy$/)
  const labels = filesOf(folder, /_label\.npy$/)
  checks.exact('images', images.length, want.images)
  const pooled = new AnomalyMetrics()
  const perImage = new PerImageAnomalyMetrics()
  const add = (metrics: { add(scores: unknown, target: unknown, name: string): unknown }) =>
    images.forEach((path, i) => {
      metrics.add(readNpyScores(path), readNpyLabels(labels[i]), path)
    })
  if (/Input contains (NaN|infinity)/.test(want.pooled.sklearn.message ?? '')) {
    checks.refused('NaN or infinite scores', () => add(pooled as never), /not finite/)
    smiycPixelChecks(checks, folder, want)
    return checks
  }
  add(pooled as never)
  add(perImage as never)
  checks.exact('ignored', pooled.result().ignored, want.n_ignored)
  checkPixels(checks, 'pooled', pooled, want.pooled)
  const blocks: Expected[] = want.per_image ?? []
  blocks.forEach((block, i) => {
    const metrics = new AnomalyMetrics().add(readNpyScores(images[i]), readNpyLabels(labels[i]), images[i])
    checkPixels(checks, `image ${i}`, metrics, block)
  })
  smiycPixelChecks(checks, folder, want)
  const { withoutAnomalyAsZero, withoutAnomalySkipped } = perImage.result()
  const dense = want.densehybrid_per_image_mean
  if (dense?.AP_nanmean !== undefined) {
    checks.close('mean AP, zero without anomaly', withoutAnomalyAsZero.ap, dense.AP_nanmean)
    checks.close('mean AUROC', withoutAnomalyAsZero.auroc, dense.AUROC_nanmean)
    checks.close(
      'mean FPR a, zero without anomaly',
      withoutAnomalyAsZero.fprByConvention.a,
      dense.FPR95_nanmean,
    )
  }
  const hendrycks = want.hendrycks_per_image_mean
  if (hendrycks?.images_used !== undefined) {
    checks.exact('images with both classes', withoutAnomalySkipped.images, hendrycks.images_used)
    checks.close('mean AP, skipped without anomaly', withoutAnomalySkipped.ap, hendrycks.aupr)
    checks.close('mean AUROC, skipped without anomaly', withoutAnomalySkipped.auroc, hendrycks.auroc)
    checks.close(
      'mean FPR e, skipped without anomaly',
      withoutAnomalySkipped.fprByConvention.e,
      hendrycks.fpr95,
    )
  }
  const fishyscapes = want.official_fishyscapes
  if (fishyscapes?.error === undefined && pooled.result().positives > 0) {
    const { ap, auroc, fprByConvention } = pooled.result()
    checks.close('Fishyscapes AP', ap, fishyscapes.AP)
    checks.close('Fishyscapes AUROC', auroc, fishyscapes.auroc)
    checks.close('Fishyscapes FPR c', fprByConvention.c, fishyscapes['FPR@95%TPR'])
    const { recall, precision } = fishyscapesCurve(pooled.curve())
    checks.exact('Fishyscapes points', recall.length, fishyscapes.recall.length)
    recall.forEach((value, i) => {
      checks.close(`Fishyscapes recall ${i}`, value, fishyscapes.recall[i])
      checks.close(`Fishyscapes precision ${i}`, precision[i], fishyscapes.precision[i])
    })
  }
  return checks
}

/** Metrics of one set of pixels against one block of reference values. */
function checkPixels(checks: Scalars, what: string, metrics: AnomalyMetrics, want: Expected): void {
  const { ap, auroc, positives, negatives, reason, fprByConvention: fpr } = metrics.result()
  checks.exact(`${what} positives`, positives, want.n_pos)
  checks.exact(`${what} negatives`, negatives, want.n_neg)
  if (positives === 0) {
    // scikit-learn calls AP 0 here, or fails; this package calls every rate undefined and says why.
    checks.exact(`${what} says why`, Number(/no (anomaly|valid) pixel/.test(reason ?? '')), 1)
    const undefinedValues = [ap, auroc, ...FPR_CONVENTIONS.map((name) => fpr[name])]
    for (const value of undefinedValues) checks.close(`${what} without anomaly`, value, 'nan')
    return
  }
  checks.close(`${what} AP`, ap, want.sklearn.AP)
  checks.close(`${what} AUROC`, auroc, want.sklearn.AUROC_full)
  checks.exact(`${what} curve points`, metrics.curve().tp.length + 1, want.sklearn.roc_points_full)
  const conventions = want.tpr95_conventions
  const official = want.official_densehybrid_calculate_auroc
  const m2f = want.official_openset_m2f_calculate_stat
  checks.close(`${what} FPR a`, fpr.a, official.fpr95)
  checks.close(`${what} FPR b`, fpr.b, m2f.fpr95)
  checks.close(`${what} FPR c`, fpr.c, conventions.ge__full.fpr)
  checks.close(`${what} FPR d`, fpr.d, want.official_ood_metrics_fpr_at_95_tpr_interp.fpr95)
  checks.close(`${what} FPR e`, fpr.e, want.official_hendrycks_nearest_recall.fpr95)
  const float32 = want.official_pytorch_ood_OODMetrics
  if (float32.error === undefined) {
    // pytorch-ood reports float32 values.
    if (Math.abs(fpr.f - float32.FPR95TPR) > 1e-6 && dependsOnLastBit(metrics.curve())) {
      checks.notes.push(`left out ${what} FPR f: it hangs on the last bit of a float32 exponential`)
    } else checks.close(`${what} FPR f`, fpr.f, float32.FPR95TPR, 1e-6)
  }
  const thresholdAt = (convention: FprConvention) =>
    AnomalyMetrics.fromJSON({ ...metrics.toJSON(), convention }).result().threshold
  checks.exact(`${what} threshold a`, thresholdAt('a'), official.threshold_returned)
  checks.exact(`${what} threshold b`, thresholdAt('b'), m2f.threshold)
  checks.exact(`${what} threshold c`, thresholdAt('c'), conventions.ge__full.threshold)
}

/**
 * Whether the sigmoid of the score at which the TPR is reached and that of the next lower score are the same or
 * neighbours in float32: then the machine's exponential decides whether they are one threshold.
 */
function dependsOnLastBit({ thresholds, tp, positives }: ThresholdCurve): boolean {
  const at = tp.findIndex((value) => value / positives >= 0.95)
  if (at + 1 >= thresholds.length) return false
  const sigmoid = (score: number) => 1 / (1 + Math.exp(-score))
  return Math.abs(sigmoid(thresholds[at]) - sigmoid(thresholds[at + 1])) <= 2 ** -23
}
