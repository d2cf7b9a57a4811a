import { checkInteger, checkNumber, checkOptionNames, invalid } from '../validate.ts'
import type { ThresholdCurve } from './curve.ts'
import { checkCurve } from './decimate.ts'
import { firstIndex } from './operating-point.ts'

/** Options of {@link scoreHistogram}. */
export interface HistogramOptions {
  /** Number of bins. Default 80. */
  readonly bins?: number
  /** [low, high] of the scores that the bins span. Default: robust quantiles, see {@link scoreHistogram}. */
  readonly range?: readonly [number, number]
  /** Share of a class below and above the default range, 0 to below 0.5. Default 0.001. */
  readonly tail?: number
}

/** Scores of both classes counted in bins of equal width. */
export interface ScoreHistogram {
  /** Bounds of the bins, ascending, one more than bins; empty where there is no pixel. */
  readonly edges: readonly number[]
  /** Pixels in each bin; the end bins hold all scores beyond them too. */
  readonly inliers: readonly number[]
  readonly anomalies: readonly number[]
  /** Lowest and highest score; NaN where there is no pixel. */
  readonly minimum: number
  readonly maximum: number
  /** Number of pixels beyond the edges, which the end bins hold. */
  readonly beyond: number
  /** Why there is no bin; absent where there are some. */
  readonly reason?: string
}

/**
 * Histogram of the scores of inliers and anomalies. The bins span the scores from the lower of the two classes' 0.1 %
 * quantiles to the higher of their 99.9 % quantiles, so that single extreme scores do not squeeze the rest and a class
 * of few pixels is not cut off; scores beyond are counted in the end bins. The counts are exact: every pixel is in one
 * bin. A bin holds low ≤ score < high, the last one its upper edge too.
 *
 * @param curve as from `AnomalyMetrics#curve()`
 * @throws INVALID_ARGUMENT for another value or an unknown option
 */
export function scoreHistogram(curve: ThresholdCurve, options: HistogramOptions = {}): ScoreHistogram {
  checkCurve(curve)
  checkOptionNames('scoreHistogram', options, ['bins', 'range', 'tail'])
  const bins = checkInteger('options.bins', options.bins ?? 80, 1, 10_000)
  const tail = checkNumber('options.tail', options.tail ?? 0.001, 0, 0.499)
  const given = options.range === undefined ? undefined : checkRange(options.range)
  const { thresholds, tp, fp } = curve
  const points = thresholds.length
  if (points === 0) {
    const reason = 'there is no valid pixel'
    return { edges: [], inliers: [], anomalies: [], minimum: NaN, maximum: NaN, beyond: 0, reason }
  }
  const [low, high] = given ?? robustRange(curve, tail)
  const width = (high - low) / bins
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i === bins ? high : low + i * width))
  const inliers = new Array<number>(bins).fill(0)
  const anomalies = new Array<number>(bins).fill(0)
  let beyond = 0
  let previousTp = 0
  let previousFp = 0
  for (let k = 0; k < points; k++) {
    const score = thresholds[k]
    const bin = binOf(score, edges, low, width)
    anomalies[bin] += tp[k] - previousTp
    inliers[bin] += fp[k] - previousFp
    if (score < low || score > high) beyond += tp[k] - previousTp + fp[k] - previousFp
    previousTp = tp[k]
    previousFp = fp[k]
  }
  return { edges, inliers, anomalies, minimum: thresholds[points - 1], maximum: thresholds[0], beyond }
}

/** The bin by division, put right by the edges themselves, which rounding may have moved to the other side. */
function binOf(score: number, edges: readonly number[], low: number, width: number): number {
  const last = edges.length - 2
  let bin = Math.max(0, Math.min(last, Math.floor((score - low) / width)))
  while (bin > 0 && score < edges[bin]) bin--
  while (bin < last && score >= edges[bin + 1]) bin++
  return bin
}

function robustRange(curve: ThresholdCurve, tail: number): readonly [number, number] {
  const { thresholds, tp, fp, positives, negatives } = curve
  const classes = [
    { counts: tp, total: positives },
    { counts: fp, total: negatives },
  ].filter(({ total }) => total > 0)
  /** The score of the pixel that stands at `rank` from the top, counted from 1. */
  const scoreAt = (counts: Float64Array, rank: number) =>
    thresholds[firstIndex(counts.length, (k) => counts[k] >= rank)]
  const high = Math.max(...classes.map(({ counts, total }) => scoreAt(counts, Math.floor(tail * total) + 1)))
  const low = Math.min(
    ...classes.map(({ counts, total }) => scoreAt(counts, total - Math.floor(tail * total))),
  )
  if (high > low) return [low, high]
  // One score only: a range around it that floating point can tell from it.
  const half = Math.max(0.5, Math.abs(low) * 2 ** -20)
  return [low - half, low + half]
}

function checkRange(range: unknown): readonly [number, number] {
  if (!Array.isArray(range) || range.length !== 2) throw invalid('options.range', '[low, high]', range)
  const low = checkNumber('options.range[0]', range[0])
  const high = checkNumber('options.range[1]', range[1])
  if (!(high > low)) throw invalid('options.range', '[low, high] with low < high', range)
  return [low, high]
}
