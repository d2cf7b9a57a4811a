import { type Dataset, IGNORE_LABEL } from '../../lib/data/dataset.ts'
import type { NegativeSource } from '../../lib/negatives/types.ts'
import { random } from '../../lib/random.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'

export const TOY_CLASSES = ['sky', 'road', 'car'] as const
const COLOURS = [
  [90, 140, 220],
  [110, 110, 110],
  [180, 40, 40],
]

/** Sky above, road below, one box, a border to ignore on the left; noisy colours. Different for every index. */
export function toyDataset(length: number, size = 64): Dataset {
  return {
    name: 'toy',
    classes: TOY_CLASSES,
    length,
    item: async (index) => {
      const rng = random(7, index)
      const horizon = rng.integer(size / 4, size / 2)
      const [top, left] = [rng.integer(size / 2, size - 20), rng.integer(4, size - 24)]
      const labels = new Uint8Array(size * size)
      const image = new Uint8Array(size * size * 3)
      for (let i = 0; i < labels.length; i++) {
        const [y, x] = [Math.floor(i / size), i % size]
        const inBox = y >= top && y < top + 16 && x >= left && x < left + 20
        const label = inBox ? 2 : y < horizon ? 0 : 1
        labels[i] = x < 2 ? IGNORE_LABEL : label
        for (let c = 0; c < 3; c++) image[3 * i + c] = COLOURS[label][c] + rng.integer(-20, 20)
      }
      return {
        id: `toy-${index}`,
        image: tensor(image, [size, size, 3]),
        labels: tensor(labels, [size, size]),
      }
    },
  }
}

/** Green squares. */
export const toyNegatives: NegativeSource = {
  name: 'toy squares',
  sample: async (rng) => {
    const side = rng.integer(8, 24)
    const image = new Uint8Array(side * side * 3)
    for (let i = 0; i < side * side; i++) image[3 * i + 1] = rng.integer(180, 255)
    return {
      image: tensor(image, [side, side, 3]),
      mask: tensor(new Uint8Array(side * side).fill(1), [side, side]),
    }
  },
}

/** Images N×H×W×3 of noise, the same for the same seed. */
export function noiseImages(shape: readonly number[], seed = 1): Tensor<Uint8Array> {
  const rng = random(seed)
  const length = shape.reduce((product, extent) => product * extent, 1)
  return tensor(
    Uint8Array.from({ length }, () => rng.integer(0, 255)),
    shape,
  )
}

/** Do two tensors have the same shape and the same bits? NaN equals NaN. */
export function sameBits(a: Tensor<never> | Tensor, b: Tensor<never> | Tensor): boolean {
  const bytes = ({ data }: { data: ArrayBufferView }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return a.shape.join() === b.shape.join() && bytes(a).equals(bytes(b))
}
