import type { TypedArray } from '../tensor.ts'
import { checkInteger, invalid } from '../validate.ts'

/** [height, width] at half the scale: an odd last row or column falls away. */
export function halfSize(size: readonly [number, number]): [number, number] {
  const [height, width] = checkSize(size)
  return [height >> 1, width >> 1]
}

/**
 * A score map at half the scale: the means of 2×2 pixels, which is bilinear resampling by 0.5 without aligned corners
 * and without anti-aliasing. NaN in any of the four makes the mean NaN.
 *
 * @param scores H×W
 * @param size [H, W]
 * @returns ⌊H/2⌋×⌊W/2⌋
 * @throws INVALID_ARGUMENT where the scores are not H×W
 */
export function halfScores(scores: Float32Array, size: readonly [number, number]): Float32Array {
  const [height, width] = halfSize(size)
  const [, stride] = size
  checkArea('scores', scores, size)
  const half = new Float32Array(height * width)
  let p = 0
  for (let y = 0; y < height; y++) {
    for (let at = 2 * y * stride, end = at + 2 * width; at < end; at += 2) {
      half[p++] = (scores[at] + scores[at + 1] + scores[at + stride] + scores[at + stride + 1]) / 4
    }
  }
  return half
}

/**
 * A label map at half the scale: the first of every 2×2 pixels, as nearest-neighbour resampling takes them.
 *
 * @param labels H×W
 * @param size [H, W]
 * @returns ⌊H/2⌋×⌊W/2⌋
 * @throws INVALID_ARGUMENT where the labels are not H×W
 */
export function halfLabels(labels: Uint8Array, size: readonly [number, number]): Uint8Array {
  const [height, width] = halfSize(size)
  const [, stride] = size
  checkArea('labels', labels, size)
  const half = new Uint8Array(height * width)
  let p = 0
  for (let y = 0; y < height; y++) {
    for (let at = 2 * y * stride, end = at + 2 * width; at < end; at += 2) half[p++] = labels[at]
  }
  return half
}

function checkSize(size: readonly [number, number]): readonly [number, number] {
  if (!Array.isArray(size) || size.length !== 2) throw invalid('size', '[height, width]', size)
  checkInteger('size[0]', size[0], 0)
  checkInteger('size[1]', size[1], 0)
  return size
}

function checkArea(name: string, values: TypedArray, [height, width]: readonly [number, number]): void {
  if (values.length !== height * width)
    throw invalid(name, `${height * width} values (${height}×${width})`, values)
}
