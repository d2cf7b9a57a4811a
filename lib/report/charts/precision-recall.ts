import { checkOptionNames } from '../../validate.ts'
import { byValue, colourScale, DASHED_MARK, LINE_MARK, lineLegend, POINT_MARK } from './lines.ts'
import { type CurveSeries, commonSettings, drawSeries, hasPoints } from './series.ts'
import {
  type Chart,
  frame,
  PLOT_WIDTH,
  percentText,
  RATE_AXIS,
  RATE_SCALE,
  RULE_COLOUR,
  sentences,
  targetText,
} from './theme.ts'

/**
 * Precision over recall of one or more detectors, as the step functions whose areas are their AP. A ring marks the
 * point at the target TPR, a dashed line the share of anomaly pixels, which is the precision of chance; it is left out
 * where the detectors were measured on different pixels.
 *
 * @throws INVALID_ARGUMENT naming the part of `series` that is wrong; EMPTY where no detector has a curve
 */
export function precisionRecallChart(
  series: readonly CurveSeries[],
  options: { readonly title?: string } = {},
): Chart {
  checkOptionNames('precisionRecallChart', options, ['title'])
  const { drawn, missing } = drawSeries(series, hasPoints, ({ reason }) => reason)
  const lines = byValue(drawn, ({ entry }) => entry.ap).map(({ entry, name, colour }) => ({
    points: entry.points,
    operatingPoint: entry.operatingPoint,
    colour,
    label: `${name}: ${percentText(entry.ap)}`,
  }))
  const { targetTpr } = commonSettings(series)
  const chances = new Set(lines.map(({ points }) => points.at(-1)!.precision))
  const chance = chances.size === 1 ? [...chances][0] : undefined
  const marked = lines.filter(({ operatingPoint }) => Number.isFinite(operatingPoint?.precision))
  return {
    ...frame(
      options.title ?? 'Precision and recall of anomaly pixels',
      sentences(
        'AP is the area under the steps.',
        marked.length > 0 ? `Rings: threshold at TPR ${targetText(targetTpr)} %.` : undefined,
        chance === undefined
          ? undefined
          : `Dashed: chance, ${percentText(chance)} % of the pixels are anomalies.`,
        missing,
      ),
    ),
    width: PLOT_WIDTH,
    height: 340,
    encoding: {
      x: { field: 'recall', type: 'quantitative', title: 'recall (TPR)', scale: RATE_SCALE, axis: RATE_AXIS },
      y: { field: 'precision', type: 'quantitative', title: 'precision', scale: RATE_SCALE, axis: RATE_AXIS },
      color: { field: 'detector', type: 'nominal', scale: colourScale(lines), legend: lineLegend('AP, %') },
    },
    layer: [
      {
        data: { values: chance === undefined ? [] : [0, 1].map((recall) => ({ recall, precision: chance })) },
        mark: DASHED_MARK,
        encoding: { color: { value: RULE_COLOUR } },
      },
      {
        data: {
          values: lines.flatMap(({ label, points }) => [
            { detector: label, recall: 0, precision: points[0].precision, order: 0 },
            ...points.map(({ tpr, precision }, i) => ({
              detector: label,
              recall: tpr,
              precision,
              order: i + 1,
            })),
          ]),
        },
        mark: { ...LINE_MARK, interpolate: 'step-before' },
        encoding: { order: { field: 'order', type: 'quantitative' } },
      },
      {
        data: {
          values: marked.map(({ label, operatingPoint }) => ({
            detector: label,
            recall: operatingPoint!.tpr,
            precision: operatingPoint!.precision,
          })),
        },
        mark: POINT_MARK,
      },
    ],
  }
}
