import type { Dataset, Sample } from '../../lib/data/dataset.ts'
import { tensor } from '../../lib/tensor.ts'

/** A sample of one row whose image's red channel holds the labels. */
export function rowSample(id: string, labels: number[], instances?: number[]): Sample {
  const data = Uint8Array.from(labels)
  const image = new Uint8Array(data.length * 3)
  for (let i = 0; i < data.length; i++) image[i * 3] = data[i]
  const row = (values: Uint8Array) => tensor(values, [1, data.length])
  return {
    id,
    image: tensor(image, [1, data.length, 3]),
    labels: row(data),
    ...(instances && { instances: row(Uint8Array.from(instances)) }),
  }
}

/** A data set in memory that counts its reads; an Error in place of a sample is what its reading rejects with. */
export function memoryDataset(
  classes: string[],
  samples: (Sample | Error)[],
): Dataset & { readonly reads: number[]; files: NonNullable<Dataset['files']> } {
  const reads: number[] = []
  return {
    name: 'memory',
    classes,
    length: samples.length,
    reads,
    item: async (index) => {
      reads.push(index)
      await new Promise((resolve) => setImmediate(resolve))
      const sample = samples[index]
      if (sample instanceof Error) throw sample
      return sample
    },
    files: (index) => ({ image: `image-${index}`, labels: `labels-${index}` }),
  }
}
