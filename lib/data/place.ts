import { type Tensor, tensor } from '../tensor.ts'
import { cropTensor, nearestIndices, type Region, resampleInto } from './resample.ts'

/** Where a resized region goes: `height` × `width` pixels at (top, left) of a map of `size` [height, width]. */
export interface Placement {
  readonly size: readonly [number, number]
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
  /** Whether the region is mirrored left to right before it is placed. */
  readonly mirror: boolean
}

/**
 * A region of an H×W×3 image, resized as `resampleImage` does and placed on the colour `fill`. Where it is resized at all,
 * everything happens in one go off the event loop.
 *
 * @returns size[0] × size[1] × 3
 */
export async function placeImage(
  image: Tensor<Uint8Array>,
  region: Region,
  placement: Placement,
  fill: readonly number[],
): Promise<Tensor<Uint8Array>> {
  const { size, top, left, height, width, mirror } = placement
  if (region.height === height && region.width === width) {
    const cropped = cropTensor(image, region)
    return onColour(mirror ? mirrored(cropped) : cropped, placement, fill)
  }
  return resampleInto(image, region, { size, to: { top, left, height, width }, mirror, fill })
}

/**
 * A region of an H×W label map, resized as `resampleLabels` does and placed on the value `fill`.
 *
 * @returns size[0] × size[1]
 */
export function placeLabels(
  labels: Tensor<Uint8Array>,
  region: Region,
  { size, top, left, height, width, mirror }: Placement,
  fill: number,
): Tensor<Uint8Array> {
  const columns = nearestIndices(region.left, region.width, width)
  if (mirror) columns.reverse()
  const rows = nearestIndices(region.top, region.height, height)
  const source = labels.data
  const sourceWidth = labels.shape[1]
  const data = new Uint8Array(size[0] * size[1])
  if (fill !== 0 && (height !== size[0] || width !== size[1])) data.fill(fill)
  for (let y = 0; y < height; y++) {
    const to = (top + y) * size[1] + left
    if (y > 0 && rows[y] === rows[y - 1]) {
      data.copyWithin(to, to - size[1], to - size[1] + width)
      continue
    }
    const from = rows[y] * sourceWidth
    for (let x = 0; x < width; x++) data[to + x] = source[from + columns[x]]
  }
  return tensor(data, [...size])
}

/** An H×W or H×W×3 map mirrored left to right; the given one is left as it is. */
export function mirrored(map: Tensor<Uint8Array>): Tensor<Uint8Array> {
  const [height, width, channels = 1] = map.shape
  const stride = width * channels
  // Not data.slice(): that of a Node Buffer shares its memory.
  const data = Uint8Array.prototype.slice.call(map.data)
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * stride, (y + 1) * stride)
    row.reverse()
    if (channels === 3) swapEnds(row)
  }
  return tensor(data, map.shape)
}

/** Exchanges first and last channel of every pixel: a reversed row has its pixels' channels in reverse, too. */
function swapEnds(row: Uint8Array): void {
  for (let i = 0; i < row.length; i += 3) {
    const first = row[i]
    row[i] = row[i + 2]
    row[i + 2] = first
  }
}

/** The image itself where it fills the whole map. */
function onColour(
  image: Tensor<Uint8Array>,
  { size, top, left, height, width }: Placement,
  fill: readonly number[],
): Tensor<Uint8Array> {
  if (height === size[0] && width === size[1]) return image
  const data = new Uint8Array(size[0] * size[1] * 3)
  for (let i = 0; i < data.length; i++) data[i] = fill[i % 3]
  for (let y = 0; y < height; y++) {
    data.set(image.data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * size[1] + left) * 3)
  }
  return tensor(data, [...size, 3])
}
