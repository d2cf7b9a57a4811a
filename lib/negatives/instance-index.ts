import { checkSample } from '../data/batch.ts'
import { createLimiter, withAbort } from '../data/concurrency.ts'
import type { Dataset, Sample } from '../data/dataset.ts'
import { throwIfAborted } from '../errors.ts'

/** One object of a data set with instances. */
export interface IndexedInstance {
  /** Index of its image in the data set. */
  readonly image: number
  /** Its value in the image's instance map, 1 … 254. */
  readonly id: number
  /** The label that most of its pixels have. */
  readonly label: number
  /** Number of its pixels. */
  readonly area: number
}

/** Instance maps hold this value where single objects are not told apart. */
export const CROWD = 255

/** Called after every image that was looked at. */
export type ScanProgress = (done: number, total: number) => void

interface Scan {
  readonly result: Promise<readonly IndexedInstance[]>
  readonly controller: AbortController
  readonly listeners: Set<ScanProgress>
  waiting: number
}

const scans = new WeakMap<Dataset, Scan>()

/**
 * All instances of a data set, by image, then id. Reads every item once; the result is kept for as long as the data set
 * is, and callers at the same time share one scan, which ends when the last of them is aborted.
 */
export async function instanceIndex(
  dataset: Dataset,
  options: { signal?: AbortSignal; onProgress?: ScanProgress } = {},
): Promise<readonly IndexedInstance[]> {
  throwIfAborted(options.signal)
  let scan = scans.get(dataset)
  if (scan === undefined || scan.controller.signal.aborted) {
    scan = startScan(dataset)
    scans.set(dataset, scan)
  }
  const { onProgress } = options
  if (onProgress !== undefined) scan.listeners.add(onProgress)
  scan.waiting++
  try {
    return await withAbort(scan.result, options.signal)
  } catch (error) {
    if (scan.waiting === 1) scan.controller.abort() // ends the scan where it still runs; the next caller starts anew
    throw error
  } finally {
    scan.waiting--
    if (onProgress !== undefined) scan.listeners.delete(onProgress)
  }
}

function startScan(dataset: Dataset): Scan {
  const controller = new AbortController()
  const listeners = new Set<ScanProgress>()
  const limit = createLimiter(4)
  let done = 0
  const scanImage = async (index: number) => {
    throwIfAborted(controller.signal)
    const sample = checkSample(`item ${index} of ${dataset.name}`, await dataset.item(index))
    const instances = instancesOf(sample, index)
    done++
    for (const listener of listeners) listener(done, dataset.length)
    return instances
  }
  const images = Array.from({ length: dataset.length }, (_, index) => limit(() => scanImage(index)))
  const result = Promise.all(images).then((found) => found.flat())
  result.catch(() => controller.abort())
  return { result, controller, listeners, waiting: 0 }
}

/** The instances of one image; none where the sample has no instance map. */
export function instancesOf(sample: Sample, image: number): IndexedInstance[] {
  if (sample.instances === undefined) return []
  const ids = sample.instances.data
  const labels = sample.labels.data
  const counts = new Int32Array(256 * 256) // pixels by [instance, label]
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]
    if (id !== 0) counts[id * 256 + labels[i]]++
  }
  const found: IndexedInstance[] = []
  for (let id = 1; id < CROWD; id++) {
    let label = 0
    let area = 0
    for (let candidate = 0; candidate < 256; candidate++) {
      const count = counts[id * 256 + candidate]
      area += count
      if (count > counts[id * 256 + label]) label = candidate
    }
    if (area > 0) found.push({ image, id, label, area })
  }
  return found
}
