import { checkOptionNames, invalid } from '../../validate.ts'
import { byValue, colourScale, DASHED_MARK, LINE_MARK, lineLegend, POINT_MARK } from './lines.ts'
import { drawSeries } from './series.ts'
import {
  type Chart,
  checkRate,
  frame,
  PLOT_WIDTH,
  percentText,
  RATE_AXIS,
  RATE_SCALE,
  RULE_COLOUR,
  sentences,
  targetText,
} from './theme.ts'

/** Open-set segmentation of one detector at many thresholds. */
export interface OpenMIoUSeries {
  /** Name of the score; decides the colour. */
  readonly detector: string
  /** Name in the chart. Default: that of the detector. */
  readonly title?: string
  /** In any order; a point whose rate is NaN is left out. */
  readonly points: readonly { readonly tpr: number; readonly openMIoU: number }[]
}

/** Options of {@link openMIoUChart}. */
export interface OpenMIoUOptions {
  /** mIoU of the closed-set prediction, which no threshold exceeds by much; NaN where undefined. */
  readonly closedMIoU: number
  /** TPR at which thresholds are calibrated; marked by a dotted line. */
  readonly targetTpr?: number
  readonly title?: string
}

/**
 * Open-mIoU over the TPR of the threshold: what finding more of the anomalies costs in the known classes. The closed
 * mIoU is a dashed line, the best point of every detector a ring.
 *
 * @throws INVALID_ARGUMENT naming the part of `series` that is wrong; EMPTY where no detector has a point
 */
export function openMIoUChart(series: readonly OpenMIoUSeries[], options: OpenMIoUOptions): Chart {
  checkOptionNames('openMIoUChart', options, ['closedMIoU', 'targetTpr', 'title'])
  const closedMIoU = checkRate('options.closedMIoU', options.closedMIoU)
  const targetTpr = options.targetTpr === undefined ? NaN : checkRate('options.targetTpr', options.targetTpr)
  const { drawn, missing } = drawSeries(series, hasDefinedPoint)
  const lines = byValue(
    drawn.map(({ entry, name, colour }) => {
      const points = entry.points.filter(isDefined).sort((a, b) => a.tpr - b.tpr)
      const best = points.reduce((most, point) => (point.openMIoU > most.openMIoU ? point : most))
      const label = `${name}: ${percentText(best.openMIoU)} at TPR ${percentText(best.tpr)}`
      return { points, best, colour, label }
    }),
    ({ best }) => best.openMIoU,
  )
  const highest = Math.max(lines[0].best.openMIoU, Number.isNaN(closedMIoU) ? 0 : closedMIoU)
  const top = Math.min(1, Math.max(0.1, Math.ceil(highest * 10 + 0.2) / 10))
  return {
    ...frame(
      options.title ?? 'Open-mIoU over the TPR of the threshold',
      sentences(
        'Rings: best open-mIoU.',
        Number.isNaN(closedMIoU) ? undefined : `Dashed: closed mIoU, ${percentText(closedMIoU)} %.`,
        Number.isNaN(targetTpr) ? undefined : `Dotted: TPR ${targetText(targetTpr)} %.`,
        missing,
      ),
    ),
    width: PLOT_WIDTH,
    height: 300,
    encoding: {
      x: {
        field: 'tpr',
        type: 'quantitative',
        title: 'true positive rate (anomalies found)',
        scale: RATE_SCALE,
        axis: RATE_AXIS,
      },
      y: {
        field: 'openMIoU',
        type: 'quantitative',
        title: 'open-mIoU',
        scale: { domain: [0, top], nice: false },
        axis: RATE_AXIS,
      },
      color: {
        field: 'detector',
        type: 'nominal',
        scale: colourScale(lines),
        legend: lineLegend('best open-mIoU, %'),
      },
    },
    layer: [
      {
        data: {
          values: Number.isNaN(closedMIoU) ? [] : [0, 1].map((tpr) => ({ tpr, openMIoU: closedMIoU })),
        },
        mark: DASHED_MARK,
        encoding: { color: { value: RULE_COLOUR } },
      },
      {
        data: {
          values: Number.isNaN(targetTpr) ? [] : [0, top].map((openMIoU) => ({ tpr: targetTpr, openMIoU })),
        },
        mark: { ...DASHED_MARK, strokeDash: [1.5, 3] },
        encoding: { color: { value: RULE_COLOUR } },
      },
      {
        data: {
          values: lines.flatMap(({ label, points }) =>
            points.map(({ tpr, openMIoU }, order) => ({ detector: label, tpr, openMIoU, order })),
          ),
        },
        mark: LINE_MARK,
        encoding: { order: { field: 'order', type: 'quantitative' } },
      },
      {
        data: { values: lines.map(({ label, best }) => ({ detector: label, ...best })) },
        mark: POINT_MARK,
      },
    ],
  }
}

function isDefined({ tpr, openMIoU }: OpenMIoUSeries['points'][number]): boolean {
  return !Number.isNaN(tpr) && !Number.isNaN(openMIoU)
}

function hasDefinedPoint({ points }: OpenMIoUSeries, where: string): boolean {
  if (!Array.isArray(points)) throw invalid(`${where}.points`, 'an array of { tpr, openMIoU }', points)
  for (const [k, point] of points.entries()) {
    checkRate(`${where}.points[${k}].tpr`, point?.tpr)
    checkRate(`${where}.points[${k}].openMIoU`, point?.openMIoU)
  }
  return points.some(isDefined)
}
