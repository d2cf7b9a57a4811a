import type { Dataset, Sample } from '../../lib/data/dataset.ts'
import type { Negative, NegativeSource } from '../../lib/negatives/types.ts'
import { tensor } from '../../lib/tensor.ts'

/** The colour that encodes a label: red alone tells labels 0 … 5 apart, also after resizing. */
export function colourOf(label: number): [number, number, number] {
  return [20 + 40 * label, 235 - 40 * label, 10 * label]
}

/** A picture whose colour encodes its labels. */
export function encoded(
  id: string,
  height: number,
  width: number,
  labelAt: (y: number, x: number) => number,
): Sample {
  const image = tensor(new Uint8Array(height * width * 3), [height, width, 3])
  const labels = tensor(new Uint8Array(height * width), [height, width])
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      labels.data[i] = labelAt(y, x)
      image.data.set(colourOf(labels.data[i]), i * 3)
    }
  }
  return { id, image, labels }
}

/** A data set of given samples. */
export function datasetOf(samples: readonly Sample[], classes: readonly string[], name = 'toy'): Dataset {
  return { name, classes, length: samples.length, item: async (index) => samples[index] }
}

/** A source of white rectangles without holes, with sides drawn from [1, side]; `side` may exceed the target. */
export function whiteRectangles(side: number): NegativeSource {
  return {
    name: 'white rectangles',
    async sample(rng): Promise<Negative> {
      const [height, width] = [rng.integer(1, side), rng.integer(1, side)]
      return {
        image: tensor(new Uint8Array(height * width * 3).fill(255), [height, width, 3]),
        mask: tensor(new Uint8Array(height * width).fill(1), [height, width]),
      }
    },
  }
}

/** The error that a promise rejects with. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; hint?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('Expected a rejection, but the promise was fulfilled.')
}
