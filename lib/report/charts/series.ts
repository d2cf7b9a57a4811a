import { type AnomalyResult, undefinedReason } from '../../evaluation/anomaly.ts'
import type { ThresholdCurve } from '../../evaluation/curve.ts'
import { type CurvePoint, curvePoint, decimateCurve } from '../../evaluation/decimate.ts'
import { FPR_CONVENTIONS, type FprConvention, firstIndex } from '../../evaluation/operating-point.ts'
import { checkNumber, checkOneOf, invalid } from '../../validate.ts'
import { detectorColours, detectorTitle } from './detectors.ts'
import { checkFilled, distinctNames, plainName } from './theme.ts'

/** A detector with its curve, for {@link precisionRecallChart} and {@link rocChart}. */
export interface CurveSeries {
  /** Name of the score; decides the colour. */
  readonly detector: string
  /** Name in the chart. Default: that of the detector. */
  readonly title?: string
  /** Points as from `decimateCurve`; empty where the curve is undefined. */
  readonly points: readonly CurvePoint[]
  /** Average precision; NaN where undefined. */
  readonly ap: number
  /** Area under the ROC curve; NaN where undefined. */
  readonly auroc: number
  /** False positive rate at `targetTpr` under `convention`; NaN where undefined. */
  readonly fpr: number
  readonly convention: FprConvention
  readonly targetTpr: number
  /** The point at which `fpr` was read; `precision` is NaN where the point is interpolated. */
  readonly operatingPoint?: Pick<CurvePoint, 'tpr' | 'fpr' | 'precision'>
  /** Why there is no point. */
  readonly reason?: string
}

/** Enough for a smooth line at any size on paper. */
const MAXIMUM_POINTS = 2000

/**
 * What the charts of curves need of one detector. The curve is decimated to an error of 0.0005, which no pixel shows.
 *
 * @param curve as from `AnomalyMetrics#curve()`
 * @param result as from `AnomalyMetrics#result()` of the same metrics
 */
export function curveSeries(
  detector: string,
  curve: ThresholdCurve,
  result: AnomalyResult,
  options: { readonly title?: string } = {},
): CurveSeries {
  const { points } = decimateCurve(curve, { maximumError: 5e-4, maximumPoints: MAXIMUM_POINTS })
  const { ap, auroc, fpr, tpr, convention, targetTpr, threshold } = result
  const reason = undefinedReason(curve)
  const series = { detector, points, ap, auroc, fpr, convention, targetTpr, ...options }
  if (reason !== undefined) return { ...series, reason }
  const index = firstIndex(curve.thresholds.length, (k) => curve.thresholds[k] <= threshold)
  const { precision } = Number.isNaN(threshold) ? { precision: Number.NaN } : curvePoint(curve, index)
  return { ...series, operatingPoint: { tpr, fpr, precision } }
}

/** Detectors that are drawn, and a sentence on those that are not. */
export interface DrawnSeries<T> {
  readonly drawn: readonly { readonly entry: T; readonly name: string; readonly colour: string }[]
  /** Names the detectors that have no value to draw. */
  readonly missing?: string
}

/**
 * Checks detectors, names them distinctly and gives them their colours.
 *
 * @param hasValues whether a detector has anything to draw
 * @throws INVALID_ARGUMENT; EMPTY where no detector has anything to draw
 */
export function drawSeries<T extends { readonly detector: string; readonly title?: string }>(
  series: readonly T[],
  hasValues: (entry: T, where: string) => boolean,
  reasonOf: (entry: T) => string | undefined = () => undefined,
): DrawnSeries<T> {
  checkFilled('series', series, 'detector')
  for (const [i, entry] of series.entries()) {
    if (typeof entry !== 'object' || entry === null)
      throw invalid(`series[${i}]`, 'an object of a detector', entry)
    if (typeof entry.detector !== 'string') throw invalid(`series[${i}].detector`, 'a string', entry.detector)
  }
  const names = distinctNames(
    series.map(({ title, detector }, i) =>
      plainName(
        title ?? detectorTitle(detector),
        `series[${i}].${title === undefined ? 'detector' : 'title'}`,
      ),
    ),
  )
  const colours = detectorColours(series.map(({ detector }) => detector))
  const all = series.map((entry, i) => ({ entry, name: names[i], colour: colours[i], place: i }))
  const drawn = all.filter(({ entry, place }) => hasValues(entry, `series[${place}]`))
  const absent = all.filter((item) => !drawn.includes(item))
  const first = absent.map(({ entry }) => reasonOf(entry)).find((reason) => reason !== undefined)
  const why = first === undefined ? 'without values' : first
  if (drawn.length === 0) checkFilled('series', [], `detector with values (${why})`)
  return absent.length === 0
    ? { drawn }
    : { drawn, missing: `Not drawn: ${absent.map(({ name }) => name).join(', ')} (${why}).` }
}

/**
 * The target and convention that all detectors were measured with.
 *
 * @throws INVALID_ARGUMENT where they differ: their numbers would not be comparable
 */
export function commonSettings(
  series: readonly CurveSeries[],
): Pick<CurveSeries, 'targetTpr' | 'convention'> {
  const [{ targetTpr, convention }] = series
  checkNumber('series[0].targetTpr', targetTpr, 0, 1)
  checkOneOf('series[0].convention', convention, FPR_CONVENTIONS)
  for (const [i, other] of series.entries()) {
    if (other.targetTpr === targetTpr && other.convention === convention) continue
    throw invalid(
      `series[${i}]`,
      `convention ${convention} at TPR ${targetTpr} as in series[0]`,
      `convention ${other.convention} at TPR ${other.targetTpr}`,
      'Measure all detectors of a chart with the same options.',
    )
  }
  return { targetTpr, convention }
}

/** Whether a curve has points; their values are checked. */
export function hasPoints({ points }: CurveSeries, where: string): boolean {
  if (!Array.isArray(points)) throw invalid(`${where}.points`, 'an array of curve points', points)
  for (const [k, point] of points.entries()) {
    for (const rate of ['tpr', 'fpr', 'precision'] as const) {
      checkNumber(`${where}.points[${k}].${rate}`, point?.[rate], 0, 1)
    }
  }
  return points.length > 0
}
