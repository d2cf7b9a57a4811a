import { DenseHybridError } from '../errors.ts'
import { invalid } from '../validate.ts'
import type { MeanTask } from './resampling.ts'
import { type BootstrapOptions, checkBootstrap, resample } from './resampling-run.ts'

/** A value with its bootstrap percentile interval. */
export interface Interval {
  /** The value of all images as they are. */
  readonly estimate: number
  /** Ends of the interval: quantiles of the resampled values; NaN where it is undefined. */
  readonly low: number
  readonly high: number
  /** Standard deviation of the resampled values. */
  readonly standardError: number
}

/** What {@link meanInterval} returns. */
export interface MeanInterval extends Interval {
  /** Number of images with a value. */
  readonly images: number
  /** Number of images without one (NaN). */
  readonly skipped: number
  readonly resamples: number
  readonly confidence: number
  readonly seed: number
  /** Why the interval is NaN; absent where it is not. */
  readonly reason?: string
}

/** Why an interval over so many images is undefined; undefined where it is not. */
export function intervalReason(images: number): string | undefined {
  if (images === 0) return 'there is no image'
  return images === 1 ? 'a single image says nothing about the spread between images' : undefined
}

/**
 * The mean of one value an image, e.g. of per-image AP, with its interval. Images without a value (NaN) are skipped, as
 * the mean of StreetHazards does. The images are drawn by their position, so that another order of the same values
 * gives another, equally good, interval.
 *
 * @param values one an image; NaN for none
 * @throws DenseHybridError INVALID_ARGUMENT for infinite values or wrong options; ABORTED
 *
 * @example
 * await meanInterval([0.8, 0.6, NaN, 0.7]) // { estimate: 0.7, low: 0.6, high: 0.8, images: 3, skipped: 1, … }
 */
export async function meanInterval(
  values: ArrayLike<number>,
  options: BootstrapOptions = {},
): Promise<MeanInterval> {
  const settings = checkBootstrap('meanInterval', options)
  const list = Array.from(values ?? [])
  if (typeof values !== 'object') throw invalid('values', 'an array of numbers', values)
  for (const [i, value] of list.entries()) {
    if (typeof value !== 'number' || Math.abs(value) === Infinity)
      throw invalid(`values[${i}]`, 'a finite number, or NaN where the image has none,', value)
  }
  const present = list.filter((value) => !Number.isNaN(value))
  const images = present.length
  const reason = intervalReason(images)
  const estimate = present.reduce((sum, value) => sum + value, 0) / images
  const { resamples, confidence, seed } = settings
  const data = new Float64Array(new SharedArrayBuffer(8 * images))
  data.set(present)
  const task: MeanTask = { kind: 'mean', images, values: data }
  const drawn = reason === undefined ? await resample(task, settings) : new Float64Array(0)
  const interval = intervalOf(estimate, drawn, confidence)
  const counts = { images, skipped: list.length - images, resamples, confidence, seed }
  return { ...interval, ...counts, ...(reason !== undefined && { reason }) }
}

/** The percentile interval of resampled values; those that are NaN are left out. */
export function intervalOf(estimate: number, values: ArrayLike<number>, confidence: number): Interval {
  const sorted = Float64Array.from(values)
    .filter((value) => !Number.isNaN(value))
    .sort()
  return {
    estimate,
    low: quantile(sorted, (1 - confidence) / 2),
    high: quantile(sorted, (1 + confidence) / 2),
    standardError: deviation(sorted),
  }
}

/** Column `column` of rows of `width` values. */
export function columnOf(values: Float64Array, column: number, width: number): Float64Array {
  return Float64Array.from({ length: values.length / width }, (_, row) => values[row * width + column])
}

/** Checks an image name that records are kept by. */
export function checkImageName(name: unknown, taken: ReadonlyMap<string, unknown>): string {
  if (typeof name !== 'string' || name === '') throw invalid('imageName', 'a name', name)
  if (!taken.has(name)) return name
  throw new DenseHybridError('INVALID_ARGUMENT', `Image ${JSON.stringify(name)} was added before.`, {
    hint: 'Every image counts once: names must be unique.',
  })
}

/** The record of every image, sorted by name: draws must not depend on the order in which images came. */
export function sortedByName<T>(records: ReadonlyMap<string, T>): [name: string, record: T][] {
  return [...records].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Linear between the two nearest of the ascending values; NaN where there is none. */
function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN
  const position = share * (sorted.length - 1)
  const below = Math.floor(position)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (position - below) * (sorted[above] - sorted[below])
}

function deviation(values: Float64Array): number {
  if (values.length < 2) return Number.NaN
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  // Equal values must have no deviation, which a rounded mean would give them.
  if (values[0] === values[values.length - 1]) return 0
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}
