import { BinnedPixelMetrics } from '../../../lib/evaluation/smiyc/binned-pixel-metrics.ts'
import { ComponentMetrics, type SmiycTrack } from '../../../lib/evaluation/smiyc/component-metrics.ts'
import { readNpy, readNpyLabels, readNpyScores } from '../../support/npy.ts'
import { type Expected, filesOf, Scalars } from './metrics-case.ts'

const TRACKS: readonly (readonly [string, SmiycTrack])[] = [
  ['SegEval-AnomalyTrack', 'anomaly'],
  ['SegEval-ObstacleTrack', 'obstacle'],
]

function framesOf(folder: string) {
  const labels = filesOf(folder, /_label\.npy$/)
  return filesOf(folder, /_score\.npy$/).map((path, i) => ({
    name: `frame ${i}`,
    scores: readNpyScores(path),
    target: readNpyLabels(labels[i]),
  }))
}

/** Binned pixel metrics of one case against one block of reference values, or its alternative. */
export function binnedPixelChecks(
  checks: Scalars,
  folder: string,
  what: string,
  float16: boolean,
  want: Expected,
): BinnedPixelMetrics | undefined {
  const metrics = new BinnedPixelMetrics({ float16 })
  const addAll = () => {
    for (const { name, scores, target } of framesOf(folder)) metrics.add(scores, target, name)
  }
  const nonFinite = framesOf(folder).some(({ scores, target }) =>
    scores.data.some((score, i) => target.data[i] <= 1 && !(Math.abs(score) < (float16 ? 65520 : Infinity))),
  )
  if (nonFinite) {
    checks.refused(`${what} with NaN or infinity`, addAll, /not finite/)
    return undefined
  }
  addAll()
  if (want.error !== undefined) {
    // The official code fails where there is no valid pixel.
    checks.exact(`${what} says why`, Number(/no valid pixel/.test(metrics.result().reason ?? '')), 1)
    return metrics
  }
  const got = metrics.result()
  if (got.positives === 0 || got.negatives === 0) {
    checks.exact(`${what} says why`, Number(/there is no/.test(got.reason ?? '')), 1)
    return metrics
  }
  const close = (name: string, value: number, reference: number) =>
    checks.close(`${what} ${name}`, value, reference, 1e-9)
  close('AP', got.ap, want.area_PRC)
  close('AUROC', got.auroc, want.area_ROC)
  close('FPR95', got.fpr, want.tpr95_fpr)
  close('threshold at TPR 95', got.threshold, want.tpr95_threshold)
  close('threshold at recall 50', got.recall50Threshold, want.recall50_threshold)
  close('best F1', got.bestF1, want.best_f1)
  close('best F1 threshold', got.bestF1Threshold, want.best_f1_threshold)
  checks.exact(`${what} points`, got.points, want.n_curve_points)
  return metrics
}

/** Component metrics of one case at the threshold of the best F1 and at fixed ones. */
export function componentChecks(folder: string, want: Expected): Scalars {
  const checks = new Scalars(1e-9)
  binnedPixelChecks(checks, folder, 'pixels', true, want.official_PixBinaryClass)
  checkCurve(checks, folder)
  for (const [name, track] of TRACKS) {
    for (const key of Object.keys(want).filter((candidate) => candidate.includes(`_${name}`))) {
      const { thresh_p: threshold, aggregate, per_frame: perFrame, error } = want[key]
      if (threshold === undefined) {
        checks.notes.push(`left out ${key}: the official code failed (${error})`)
        continue
      }
      const metrics = new ComponentMetrics({ track, threshold })
      for (const frame of framesOf(folder)) metrics.add(frame.scores, frame.target, frame.name)
      if (aggregate.error === undefined) checkAggregate(checks, key, metrics, aggregate)
      // The official code divides by zero where there is no component at all.
      else checks.exact(`${key} says why`, Number(/no component/.test(metrics.result().reason ?? '')), 1)
      metrics.images().forEach((image, i) => {
        if (perFrame !== undefined) checkFrame(checks, `${key} frame ${i}`, image, perFrame[i])
      })
    }
  }
  return checks
}

function checkAggregate(checks: Scalars, what: string, metrics: ComponentMetrics, want: Expected): void {
  const result = metrics.result()
  for (const [percent, i] of [
    [25, 0],
    [50, 5],
    [75, 10],
  ] as const) {
    const { tp, fp, fn, f1 } = result.points[i]
    checks.exact(`${what} TP ${percent}`, tp, want[`tp_${percent}`])
    checks.exact(`${what} FP ${percent}`, fp, want[`fp_${percent}`])
    checks.exact(`${what} FN ${percent}`, fn, want[`fn_${percent}`])
    checks.close(`${what} F1 ${percent}`, f1, want[`f1_${percent}`])
  }
  checks.close(`${what} F1*`, result.f1, want.f1_mean)
  checks.close(`${what} sIoU`, result.sIoU, want.sIoU_gt)
  checks.close(`${what} sIoU predicted`, result.predictedSIoU, want.sIoU_pred)
  checks.close(`${what} PPV`, result.ppv, want.prec_pred)
}

function checkFrame(
  checks: Scalars,
  what: string,
  { truth, predicted }: ReturnType<ComponentMetrics['images']>[number],
  want: Expected,
): void {
  const list = (name: string, got: readonly number[], reference: readonly number[]) => {
    checks.exact(`${what} ${name} count`, got.length, reference.length)
    got.forEach((value, i) => {
      checks.close(`${what} ${name} ${i}`, value, reference[i])
    })
  }
  list(
    'sIoU',
    truth.map(({ sIoU }) => sIoU),
    want.sIoU_gt,
  )
  list(
    'area',
    truth.map(({ area }) => area),
    want.size_gt,
  )
  list(
    'predicted sIoU',
    predicted.map(({ sIoU }) => sIoU),
    want.sIoU_pred,
  )
  list(
    'predicted area',
    predicted.map(({ area }) => area),
    want.size_pred,
  )
  list(
    'PPV',
    predicted.map(({ ppv }) => ppv),
    want.prec_pred,
  )
}

/** The stored curve: rows thresholds, TPR, FPR, precision, recall. */
function checkCurve(checks: Scalars, folder: string): void {
  const [file] = filesOf(folder, /^expected_curve\.npy$/)
  if (file === undefined) return
  const { data, shape } = readNpy(file)
  const metrics = new BinnedPixelMetrics()
  for (const { name, scores, target } of framesOf(folder)) metrics.add(scores, target, name)
  const { thresholds, tpr, fpr, precision } = metrics.curve()
  checks.exact('curve points', thresholds.length, shape[1])
  for (const [row, values] of [thresholds, tpr, fpr, precision, tpr].entries()) {
    values.forEach((value, k) => {
      checks.close(`curve row ${row} point ${k}`, value, data[row * shape[1] + k])
    })
  }
}

/** The leaderboard's pixel metrics of one pixel case, from float16 and from float32. */
export function smiycPixelChecks(checks: Scalars, folder: string, want: Expected): void {
  for (const [key, float16] of [
    ['official_smiyc_PixBinaryClass_float16', true],
    ['official_smiyc_PixBinaryClass_asis', false],
  ] as const) {
    if (want[key] !== undefined)
      binnedPixelChecks(checks, folder, `SMIYC ${float16 ? 'float16' : 'float32'}`, float16, want[key])
  }
}
