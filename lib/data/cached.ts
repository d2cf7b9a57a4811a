import { checkInteger } from '../validate.ts'
import type { Dataset, Sample } from './dataset.ts'

/**
 * Keeps decoded samples in memory, the most recently used ones, up to `maxBytes` in total. Requests for an item that is
 * being read share that read. A sample larger than `maxBytes` is read anew each time; so is one whose reading failed.
 * Samples are shared between callers: never write into them.
 *
 * @param maxBytes of images, label and instance maps together
 * @throws DenseHybridError `INVALID_ARGUMENT`
 */
export function cached(dataset: Dataset, maxBytes: number): Dataset {
  checkInteger('maxBytes', maxBytes, 0)
  /** By index; a Map iterates in the order of insertion, so the first one is the least recently used. */
  const kept = new Map<number, Sample>()
  const reads = new Map<number, Promise<Sample>>()
  let bytes = 0

  const keep = (index: number, sample: Sample): void => {
    const size = sampleBytes(sample)
    if (size > maxBytes) return
    kept.set(index, sample)
    bytes += size
    for (const [oldest, dropped] of kept) {
      if (bytes <= maxBytes) return
      kept.delete(oldest)
      bytes -= sampleBytes(dropped)
    }
  }
  const read = async (index: number): Promise<Sample> => {
    const sample = await dataset.item(index)
    keep(index, sample)
    return sample
  }
  return {
    name: dataset.name,
    classes: dataset.classes,
    length: dataset.length,
    item: async (index) => {
      const sample = kept.get(index)
      if (sample !== undefined) {
        kept.delete(index)
        kept.set(index, sample)
        return sample
      }
      let reading = reads.get(index)
      if (reading === undefined) {
        reading = read(index).finally(() => reads.delete(index))
        reads.set(index, reading)
      }
      return reading
    },
    ...(dataset.palette && { palette: dataset.palette }),
    ...(dataset.files && { files: (index: number) => dataset.files!(index) }),
    ...(dataset.source && { source: (index: number) => dataset.source!(index) }),
  }
}

function sampleBytes({ image, labels, instances }: Sample): number {
  return image.data.byteLength + labels.data.byteLength + (instances?.data.byteLength ?? 0)
}
