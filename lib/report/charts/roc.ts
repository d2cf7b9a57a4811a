import type { FprConvention } from '../../evaluation/operating-point.ts'
import { checkOptionNames } from '../../validate.ts'
import { byValue, colourScale, DASHED_MARK, LINE_MARK, lineLegend, POINT_MARK } from './lines.ts'
import { type CurveSeries, commonSettings, drawSeries, hasPoints } from './series.ts'
import {
  type Chart,
  frame,
  percentText,
  RATE_AXIS,
  RATE_SCALE,
  RULE_COLOUR,
  sentences,
  targetText,
} from './theme.ts'

/** What each convention does, in the words of a chart's subtitle; `t` is the target in per cent. */
const CONVENTION_TEXTS: Readonly<Record<FprConvention, (t: string) => string>> = {
  a: (t) => `first kept point with TPR above ${t} %`,
  b: (t) => `first kept point with TPR of at least ${t} %`,
  c: (t) => `first point with TPR of at least ${t} %`,
  d: (t) => `interpolated at TPR ${t} %`,
  e: (t) => `point whose TPR is nearest to ${t} %`,
  f: (t) => `first point with TPR of at least ${t} % after a float32 sigmoid`,
}

/**
 * True over false positive rate of one or more detectors. A ring marks the point at which the FPR is read, a dashed
 * diagonal is chance. Area, FPR and the FPR's convention are in the legend and the subtitle.
 *
 * @throws INVALID_ARGUMENT naming the part of `series` that is wrong; EMPTY where no detector has a curve
 */
export function rocChart(series: readonly CurveSeries[], options: { readonly title?: string } = {}): Chart {
  checkOptionNames('rocChart', options, ['title'])
  const { drawn, missing } = drawSeries(series, hasPoints, ({ reason }) => reason)
  const lines = byValue(drawn, ({ entry }) => entry.auroc).map(({ entry, name, colour }) => ({
    points: entry.points,
    operatingPoint: entry.operatingPoint,
    colour,
    label: `${name}: ${percentText(entry.auroc)}, ${percentText(entry.fpr)}`,
  }))
  const { targetTpr, convention } = commonSettings(series)
  const target = targetText(targetTpr)
  const marked = lines.filter(({ operatingPoint }) => Number.isFinite(operatingPoint?.fpr))
  return {
    ...frame(
      options.title ?? `ROC of anomaly pixels and FPR at TPR ${target} %`,
      sentences(
        marked.length > 0
          ? `Rings: FPR${target} by convention ${convention}, ${CONVENTION_TEXTS[convention](target)}.`
          : undefined,
        'Dashed: chance.',
        missing,
      ),
    ),
    width: 380,
    height: 380,
    encoding: {
      x: {
        field: 'fpr',
        type: 'quantitative',
        title: 'false positive rate (inliers taken for anomalies)',
        scale: RATE_SCALE,
        axis: RATE_AXIS,
      },
      y: {
        field: 'tpr',
        type: 'quantitative',
        title: 'true positive rate (anomalies found)',
        scale: RATE_SCALE,
        axis: RATE_AXIS,
      },
      color: {
        field: 'detector',
        type: 'nominal',
        scale: colourScale(lines),
        legend: lineLegend(`AUROC, FPR${target} in %`),
      },
    },
    layer: [
      {
        data: { values: [0, 1].map((rate) => ({ fpr: rate, tpr: rate })) },
        mark: DASHED_MARK,
        encoding: { color: { value: RULE_COLOUR } },
      },
      {
        data: {
          values: lines.flatMap(({ label, points }) => [
            { detector: label, fpr: 0, tpr: 0, order: 0 },
            ...points.map(({ fpr, tpr }, i) => ({ detector: label, fpr, tpr, order: i + 1 })),
          ]),
        },
        mark: LINE_MARK,
        encoding: { order: { field: 'order', type: 'quantitative' } },
      },
      {
        data: {
          values: marked.map(({ label, operatingPoint }) => ({
            detector: label,
            fpr: operatingPoint!.fpr,
            tpr: operatingPoint!.tpr,
          })),
        },
        mark: POINT_MARK,
      },
    ],
  }
}
