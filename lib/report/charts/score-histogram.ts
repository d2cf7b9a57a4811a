import { DenseHybridError } from '../../errors.ts'
import type { ScoreHistogram } from '../../evaluation/histogram.ts'
import { checkNumber, checkOptionNames, invalid } from '../../validate.ts'
import { CLASS_COLOURS, detectorTitle } from './detectors.ts'
import { type Chart, frame, PLOT_WIDTH, plainName, RULE_COLOUR, scoreText, sentences } from './theme.ts'

/** Options of {@link scoreHistogramChart}. */
export interface ScoreHistogramOptions {
  /** Name of the score. */
  readonly detector: string
  /** Pixels with a score above it are taken for anomalies; marked by a dashed line. */
  readonly threshold?: number
  /** Height of a bar: `density`, the area of each class is 1; `count`, pixels on a logarithmic axis. Default `density`. */
  readonly height?: 'density' | 'count'
  readonly title?: string
}

/**
 * The scores of inliers and anomalies of one detector, one over the other: the less they overlap, the better the
 * detector tells them apart.
 *
 * @param histogram as from `scoreHistogram`
 * @throws INVALID_ARGUMENT; EMPTY where the histogram holds no pixel
 */
export function scoreHistogramChart(histogram: ScoreHistogram, options: ScoreHistogramOptions): Chart {
  checkOptionNames('scoreHistogramChart', options, ['detector', 'threshold', 'height', 'title'])
  const { edges, inliers, anomalies, beyond, reason } = checkHistogram(histogram)
  const { threshold, height = 'density' } = options
  if (height !== 'density' && height !== 'count')
    throw invalid('options.height', "'density' or 'count'", height)
  if (threshold !== undefined) checkNumber('options.threshold', threshold)
  const totals = { inliers: sum(inliers), anomalies: sum(anomalies) }
  if (totals.inliers + totals.anomalies === 0) {
    throw new DenseHybridError('EMPTY', `There is no score to draw: ${reason ?? 'all bins are empty'}.`)
  }
  const name = plainName(detectorTitle(options.detector), 'options.detector')
  const floor = height === 'count' ? 0.7 : 0
  const bars = (['inliers', 'anomalies'] as const).flatMap((kind) =>
    histogram[kind].flatMap((count, i) => {
      if (count === 0) return []
      const value = height === 'count' ? count : count / totals[kind] / (edges[i + 1] - edges[i])
      return [{ kind, low: edges[i], high: edges[i + 1], floor, value }]
    }),
  )
  const visible = threshold !== undefined && threshold >= edges[0] && threshold <= edges[edges.length - 1]
  const absent = (['inliers', 'anomalies'] as const).find((kind) => totals[kind] === 0)
  return {
    ...frame(
      options.title ?? `Scores of inlier and anomaly pixels: ${name}`,
      sentences(
        height === 'count' ? 'Pixels a bin, on a logarithmic axis.' : 'Each class has an area of 1.',
        threshold === undefined
          ? undefined
          : `${visible ? 'Dashed: threshold' : 'Outside the plot: threshold'} ${scoreText(threshold)}, pixels above it are taken for anomalies.`,
        beyond > 0 ? `The end bins hold ${countText(beyond)} pixels from beyond.` : undefined,
        absent === undefined ? undefined : `There are no ${absent}.`,
      ),
    ),
    width: PLOT_WIDTH,
    height: 260,
    layer: [
      {
        data: { values: bars },
        mark: { type: 'rect', opacity: 0.55, strokeWidth: 0 },
        encoding: {
          x: {
            field: 'low',
            type: 'quantitative',
            title: `score of ${name} (larger: more anomalous)`,
            scale: { domain: [edges[0], edges[edges.length - 1]], nice: false, zero: false },
            axis: { grid: false, tickCount: 7, labelFlush: false },
          },
          x2: { field: 'high' },
          y: {
            field: 'value',
            type: 'quantitative',
            title: height === 'count' ? 'pixels' : 'density',
            scale: height === 'count' ? { type: 'log', domainMin: floor, nice: false } : { zero: true },
            axis: height === 'count' ? { format: '~s', values: decades(bars) } : { tickCount: 5 },
          },
          y2: { field: 'floor' },
          color: {
            field: 'kind',
            type: 'nominal',
            scale: {
              domain: ['inliers', 'anomalies'],
              range: [CLASS_COLOURS.inliers, CLASS_COLOURS.anomalies],
            },
            legend: { title: null, orient: 'right', symbolType: 'square', symbolOpacity: 0.7 },
          },
        },
      },
      {
        data: { values: visible ? [{ threshold }] : [] },
        mark: { type: 'rule', strokeDash: [5, 4], strokeWidth: 1.5, color: RULE_COLOUR },
        encoding: { x: { field: 'threshold', type: 'quantitative' } },
      },
    ],
  }
}

function checkHistogram(histogram: ScoreHistogram): ScoreHistogram {
  const { edges, inliers, anomalies } = histogram ?? {}
  const lists = [edges, inliers, anomalies]
  if (!lists.every(Array.isArray)) throw invalid('histogram', 'a histogram as from scoreHistogram', histogram)
  const bins = Math.max(0, edges.length - 1)
  if (inliers.length !== bins || anomalies.length !== bins) {
    throw invalid('histogram', `${bins} bins in both classes (there are ${edges.length} edges)`, [
      inliers.length,
      anomalies.length,
    ])
  }
  for (const [i, edge] of edges.entries()) checkNumber(`histogram.edges[${i}]`, edge)
  for (const kind of ['inliers', 'anomalies'] as const) {
    histogram[kind].forEach((count, i) => {
      checkNumber(`histogram.${kind}[${i}]`, count, 0, Number.MAX_SAFE_INTEGER)
    })
  }
  return histogram
}

/** 1, 10, 100 … up to the highest bar. */
function decades(bars: readonly { readonly value: number }[]): number[] {
  const highest = bars.reduce((most, { value }) => Math.max(most, value), 1)
  return Array.from({ length: Math.floor(Math.log10(highest)) + 1 }, (_, i) => 10 ** i)
}

function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ' ')
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
