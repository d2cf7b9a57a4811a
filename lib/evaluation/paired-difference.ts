import { DenseHybridError } from '../errors.ts'
import { invalid } from '../validate.ts'
import { BootstrapMetrics, undefinedReason } from './bootstrap.ts'
import { columnOf, type Interval, intervalOf } from './intervals.ts'
import { valuesOfAll } from './resampling.ts'
import { type BootstrapOptions, checkBootstrap, resample } from './resampling-run.ts'

/** One metric of one method less that of another, both on the same images. */
export interface MetricDifference extends Interval {
  /** Share of the resamples in which the first method is better: AP and AUROC higher, FPR lower; equal counts half. */
  readonly shareBetter: number
}

/** What {@link pairedDifference} returns: the first method less the second. */
export interface PairedDifference {
  readonly ap: MetricDifference
  readonly auroc: MetricDifference
  readonly fpr: MetricDifference
  readonly images: number
  readonly resamples: number
  /** Resamples without anomaly pixels, or without inlier pixels: left out. */
  readonly undefinedResamples: number
  readonly confidence: number
  readonly seed: number
  /** Why the intervals are NaN; absent where they are not. */
  readonly reason?: string
}

/**
 * The difference a − b of two methods with its interval. Every resample draws the same images for both, so that what
 * makes an image hard for both cancels.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the images, their pixels, the TPR or the convention are not the same;
 * ABORTED
 *
 * @example
 * const { ap } = await pairedDifference(hybrid, entropy, { seed: 1 })
 * // ap: { estimate: 0.081, low: 0.052, high: 0.113, standardError: 0.015, shareBetter: 1 }
 */
export async function pairedDifference(
  a: BootstrapMetrics,
  b: BootstrapMetrics,
  options: BootstrapOptions = {},
): Promise<PairedDifference> {
  const settings = checkBootstrap('pairedDifference', options)
  const { resamples, confidence, seed, onProgress } = settings
  checkPaired(a, b)
  const tasks = [a.resamplingTask(), b.resamplingTask()]
  const estimates = tasks.map(valuesOfAll)
  const reason = undefinedReason(tasks[0])
  const drawn: Float64Array[] = [new Float64Array(0), new Float64Array(0)]
  for (const [i, task] of tasks.entries()) {
    if (reason !== undefined) break
    // The same seed draws the same images, whose order is that of their names.
    const report = ({ done }: { done: number }) =>
      onProgress?.({ done: done + i * resamples, total: 2 * resamples })
    drawn[i] = await resample(task, { ...settings, onProgress: report })
  }
  const metric = (column: number, sign: 1 | -1): MetricDifference => {
    const differences = columnOf(drawn[0], column, 3).map((value, r) => value - drawn[1][3 * r + column])
    const defined = differences.filter((value) => !Number.isNaN(value))
    const better = defined.reduce((sum, value) => sum + (value === 0 ? 0.5 : sign * value > 0 ? 1 : 0), 0)
    const interval = intervalOf(estimates[0][column] - estimates[1][column], defined, confidence)
    return { ...interval, shareBetter: better / defined.length }
  }
  return {
    ap: metric(0, 1),
    auroc: metric(1, 1),
    fpr: metric(2, -1),
    images: tasks[0].images,
    resamples,
    undefinedResamples: columnOf(drawn[0], 0, 3).filter(Number.isNaN).length,
    confidence,
    seed,
    ...(reason !== undefined && { reason }),
  }
}

/** Checks that both methods were measured on the same pixels and are reported in the same way. */
function checkPaired(a: BootstrapMetrics, b: BootstrapMetrics): void {
  if (!(a instanceof BootstrapMetrics)) throw invalid('a', 'BootstrapMetrics', a)
  if (!(b instanceof BootstrapMetrics)) throw invalid('b', 'BootstrapMetrics', b)
  if (a.tpr !== b.tpr || a.convention !== b.convention)
    throw invalid('b', `convention ${a.convention} at TPR ${a.tpr}`, `${b.convention} at ${b.tpr}`)
  const [inA, inB] = [a.pixelCounts(), b.pixelCounts()]
  const onlyA = [...inA.keys()].filter((name) => !inB.has(name))
  const onlyB = [...inB.keys()].filter((name) => !inA.has(name))
  if (onlyA.length + onlyB.length > 0) {
    const texts = [
      onlyA.length > 0 ? `b lacks ${listNames(onlyA)}` : '',
      onlyB.length > 0 ? `a lacks ${listNames(onlyB)}` : '',
    ]
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `A paired difference needs the same images in both: ${texts.filter(Boolean).join('; ')}.`,
      { hint: 'Measure both methods on the same images, and give an image the same name in both.' },
    )
  }
  for (const [name, { positives, negatives }] of inA) {
    const other = inB.get(name)!
    if (other.positives === positives && other.negatives === negatives) continue
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `Image ${JSON.stringify(name)} has ${positives} anomaly and ${negatives} inlier pixels in a, ` +
        `but ${other.positives} and ${other.negatives} in b.`,
      { hint: 'Measure both methods with the same targets.' },
    )
  }
}

/** Up to ten names, and how many more there are. */
function listNames(names: readonly string[]): string {
  const more = names.length > 10 ? ` and ${names.length - 10} more` : ''
  return `${names
    .slice(0, 10)
    .map((name) => JSON.stringify(name))
    .join(', ')}${more}`
}
