import { checkOptionNames, invalid } from '../../validate.ts'
import { byValue, colourScale, LINE_MARK, lineLegend } from './lines.ts'
import { drawSeries } from './series.ts'
import {
  type Chart,
  checkRate,
  frame,
  PLOT_WIDTH,
  percentText,
  RATE_AXIS,
  RATE_SCALE,
  sentences,
} from './theme.ts'

/** Component F1 of one detector at the thresholds on sIoU. */
export interface ComponentSeries {
  /** Name of the score; decides the colour. */
  readonly detector: string
  /** Name in the chart. Default: that of the detector. */
  readonly title?: string
  /** F1 at each threshold on sIoU and PPV; a point whose F1 is NaN is left out. */
  readonly points: readonly { readonly threshold: number; readonly f1: number }[]
}

/**
 * F1 of anomaly components over the overlap (sIoU) from which a component counts as found, with the mean of each
 * detector in the legend.
 *
 * @throws INVALID_ARGUMENT naming the part of `series` that is wrong; EMPTY where no detector has an F1
 */
export function componentChart(
  series: readonly ComponentSeries[],
  options: { readonly title?: string } = {},
): Chart {
  checkOptionNames('componentChart', options, ['title'])
  const { drawn, missing } = drawSeries(series, hasDefinedPoint)
  const lines = byValue(
    drawn.map(({ entry, name, colour }) => {
      const points = entry.points
        .filter(({ f1 }) => !Number.isNaN(f1))
        .sort((a, b) => a.threshold - b.threshold)
      const mean = points.reduce((total, { f1 }) => total + f1, 0) / points.length
      return { points, mean, colour, label: `${name}: ${percentText(mean)}` }
    }),
    ({ mean }) => mean,
  )
  return {
    ...frame(
      options.title ?? 'F1 of anomaly components over the required overlap',
      sentences('F1* is the mean over the thresholds.', missing),
    ),
    width: PLOT_WIDTH,
    height: 300,
    encoding: {
      x: {
        field: 'threshold',
        type: 'quantitative',
        title: 'threshold on sIoU and PPV',
        scale: { zero: false, nice: false, padding: 8 },
        axis: { format: '.0%', tickCount: 6 },
      },
      y: { field: 'f1', type: 'quantitative', title: 'F1', scale: RATE_SCALE, axis: RATE_AXIS },
      color: { field: 'detector', type: 'nominal', scale: colourScale(lines), legend: lineLegend('F1*, %') },
    },
    data: {
      values: lines.flatMap(({ label, points }) =>
        points.map(({ threshold, f1 }) => ({ detector: label, threshold, f1 })),
      ),
    },
    mark: { ...LINE_MARK, point: { size: 36, filled: true, opacity: 1 } },
  }
}

function hasDefinedPoint({ points }: ComponentSeries, where: string): boolean {
  if (!Array.isArray(points)) throw invalid(`${where}.points`, 'an array of { threshold, f1 }', points)
  for (const [k, point] of points.entries()) {
    const threshold = checkRate(`${where}.points[${k}].threshold`, point?.threshold)
    if (Number.isNaN(threshold)) throw invalid(`${where}.points[${k}].threshold`, 'a number', threshold)
    checkRate(`${where}.points[${k}].f1`, point?.f1)
  }
  return points.some(({ f1 }) => !Number.isNaN(f1))
}
