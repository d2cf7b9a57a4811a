import { DenseHybridError } from './errors.ts'
import { type Tensor, tensor } from './tensor.ts'
import { checkTensor, invalid } from './validate.ts'

/**
 * Checks RGB images N×H×W×3, or one image H×W×3, and returns them as N×H×W×3 over the same memory.
 *
 * @throws DenseHybridError INVALID_ARGUMENT; EMPTY where there is no image or no pixel
 */
export function checkImages(images: unknown, name = 'images'): Tensor<Uint8Array> {
  const checked = checkTensor(name, images, Uint8Array, [3, 4])
  const shape = checked.shape.length === 3 ? [1, ...checked.shape] : checked.shape
  if (shape[3] !== 3) {
    throw invalid(`${name}.shape`, 'N×H×W×3 or H×W×3', checked.shape, 'Images are RGB with the channel last.')
  }
  if (checked.data.length === 0) {
    throw new DenseHybridError('EMPTY', `${name} has no pixels: its shape is ${checked.shape.join('×')}.`)
  }
  return tensor(checked.data, shape)
}

/**
 * Checks patches of a flow: as `checkImages`, with a height and width that are multiples of the flow's `reduction`.
 *
 * @throws DenseHybridError INVALID_ARGUMENT, EMPTY
 */
export function checkPatches(patches: unknown, reduction: number): Tensor<Uint8Array> {
  const batch = checkImages(patches, 'patches')
  const [, height, width] = batch.shape
  if (height % reduction === 0 && width % reduction === 0) return batch
  const expected = `a height and width that are multiples of ${reduction}`
  throw invalid('patches.shape', expected, (patches as Tensor<Uint8Array>).shape)
}

/**
 * Checks that labels are N×H×W, as large as `images`, and hold only known classes or the `special` values.
 *
 * @param classes K; labels 0 … K−1 are known
 * @param special further values that may occur, e.g. unknown and ignore
 * @throws DenseHybridError INVALID_ARGUMENT naming the first value that is wrong
 */
export function checkLabels(
  labels: unknown,
  images: Tensor<Uint8Array>,
  classes: number,
  special: readonly number[],
): Tensor<Uint8Array> {
  const checked = checkTensor('labels', labels, Uint8Array, 3)
  const size = images.shape.slice(0, 3)
  if (checked.shape.some((extent, i) => extent !== size[i])) {
    throw invalid('labels.shape', `${size.join('×')} (the images' N×H×W)`, checked.shape)
  }
  checkLabelValues(checked.data, classes, special)
  return checked
}

/** Checks that every label is 0 … K−1 or one of `special`. */
export function checkLabelValues(
  labels: Uint8Array | Int32Array,
  classes: number,
  special: readonly number[],
): void {
  const allowed = new Uint8Array(256)
  allowed.fill(1, 0, classes)
  for (const value of special) allowed[value] = 1
  for (let i = 0; i < labels.length; i++) {
    if (allowed[labels[i]] === 1) continue
    throw invalid(
      'labels',
      `classes 0 to ${classes - 1} or ${special.join(', ')}`,
      labels[i],
      'Does the data set have more classes than the model? Unknown pixels are 254, ignored ones 255.',
    )
  }
}
