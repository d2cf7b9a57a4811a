import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { random } from '../random.ts'
import { elementCount, type Tensor, tensor } from '../tensor.ts'

/** Logits of a network that is fairly sure: normal with standard deviation 4. */
export function logitNoise(shape: readonly number[], seed: number): Tensor {
  const stream = random(seed)
  return tensor(
    Float32Array.from({ length: elementCount(shape) }, () => 4 * stream.normal()),
    shape,
  )
}

/** RGB images N×H×W×3. */
export function imageNoise(batch: number, [height, width]: readonly [number, number]): Tensor<Uint8Array> {
  const shape = [batch, height, width, 3]
  const stream = random(1)
  return tensor(
    Uint8Array.from({ length: elementCount(shape) }, () => stream.integer(0, 255)),
    shape,
  )
}

/** Labels N×H×W with pasted pixels in the top left sixteenth and ignored ones in the lowest eighth. */
export function labelNoise(
  batch: number,
  classes: number,
  [height, width]: readonly [number, number],
): Tensor<Uint8Array> {
  const shape = [batch, height, width]
  const stream = random(2)
  const labels = Uint8Array.from({ length: elementCount(shape) }, (_, i) => {
    const row = Math.floor(i / width) % height
    if (row < height / 4 && i % width < width / 4) return UNKNOWN_LABEL
    return row >= (7 * height) / 8 ? IGNORE_LABEL : stream.integer(0, classes - 1)
  })
  return tensor(labels, shape)
}
