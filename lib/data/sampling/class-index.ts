import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import { random } from '../../random.ts'
import { checkOptionNames } from '../../validate.ts'
import { createLimiter, withAbort } from '../concurrency.ts'
import type { Dataset } from '../dataset.ts'

/** Points that are kept of a class in an image. */
const POINTS = 8
const CONCURRENCY = 4

/** Where a class occurs in one image. */
export interface ClassPlace {
  readonly item: number
  /** Its pixels in the image. */
  readonly pixels: number
  /** A few of them, as shares of height and width; drawn uniformly. */
  readonly points: readonly (readonly [y: number, x: number])[]
}

/** The images of each class; index = label. */
export type ClassIndex = readonly (readonly ClassPlace[])[]

/**
 * Reads every label map once and notes which classes are where. The same data set gives the same index.
 *
 * @throws DenseHybridError `EMPTY` for a data set without classes; `ABORTED`; the errors of its items
 */
export async function indexClasses(
  dataset: Dataset,
  options: { signal?: AbortSignal; onProgress?: (progress: { done: number; total: number }) => void } = {},
): Promise<ClassIndex> {
  checkOptionNames('indexClasses', options, ['signal', 'onProgress'])
  const { signal, onProgress } = options
  if (dataset.classes.length === 0) {
    throw new DenseHybridError('EMPTY', `${dataset.name} has no classes to sample by.`)
  }
  const limit = createLimiter(CONCURRENCY)
  let done = 0
  const places = Array.from({ length: dataset.length }, (_, item) =>
    limit(async () => {
      throwIfAborted(signal)
      const { labels } = await dataset.item(item)
      const found = placesOf(item, labels.data, labels.shape[1], dataset.classes.length)
      onProgress?.({ done: ++done, total: dataset.length })
      return found
    }),
  )
  const byItem = await withAbort(Promise.all(places), signal)
  return dataset.classes.map((_, label) => byItem.flatMap((found) => found.get(label) ?? []))
}

/** Reservoir sampling: one pass, each pixel of a class equally likely to be kept. */
function placesOf(item: number, labels: Uint8Array, width: number, classes: number): Map<number, ClassPlace> {
  const rng = random(0, item)
  const kept: number[][] = Array.from({ length: classes }, () => [])
  const pixels = new Float64Array(classes)
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    if (label >= classes) continue
    const seen = pixels[label]++
    if (seen < POINTS) {
      kept[label].push(i)
      continue
    }
    const place = Math.floor(rng.uniform() * (seen + 1))
    if (place < POINTS) kept[label][place] = i
  }
  const height = labels.length / width
  return new Map(
    kept.flatMap((points, label) =>
      points.length === 0
        ? []
        : [
            [
              label,
              {
                item,
                pixels: pixels[label],
                points: points.map((i) => [Math.floor(i / width) / height, (i % width) / width] as const),
              },
            ] as const,
          ],
    ),
  )
}
