import { loadNative } from '../binding/load.ts'
import { type Tensor, type TypedArray, tensor } from '../tensor.ts'

/** A rectangle of whole pixels. */
export interface Region {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** The region that holds all of an H×W or H×W×C tensor. */
export function wholeRegion(image: Tensor<TypedArray>): Region {
  return { top: 0, left: 0, height: image.shape[0], width: image.shape[1] }
}

/** Copies a region of an H×W or H×W×C tensor. */
export function cropTensor<T extends TypedArray>(source: Tensor<T>, region: Region): Tensor<T> {
  const { top, left, height, width } = region
  const channels = source.shape[2] ?? 1
  const stride = source.shape[1] * channels
  const data = zerosLike(source.data, height * width * channels)
  for (let y = 0; y < height; y++) {
    const start = (top + y) * stride + left * channels
    data.set(source.data.subarray(start, start + width * channels) as never, y * width * channels)
  }
  return tensor(data, [height, width, ...source.shape.slice(2)])
}

/**
 * Resizes a region of an H×W or H×W×C image (C = 1 or 3) to `height` × `width`, linearly (averaging where it shrinks).
 * Runs off the event loop; the image must not change meanwhile. Pixel centres: output j lies over source coordinate
 * (j + ½)·width(region)/width − ½.
 */
export async function resampleImage(
  image: Tensor<Uint8Array>,
  region: Region,
  height: number,
  width: number,
): Promise<Tensor<Uint8Array>> {
  if (region.height === height && region.width === width) return cropTensor(image, region)
  const to = { top: 0, left: 0, height, width }
  return resampleInto(image, region, { size: [height, width], to, mirror: false, fill: [] })
}

/** Where {@link resampleInto} writes: to `to` of a map of `size` [height, width], whose rest is `fill` (a value a channel). */
export interface ResampledPlace {
  readonly size: readonly [number, number]
  readonly to: Region
  /** Left to right. */
  readonly mirror: boolean
  readonly fill: readonly number[]
}

/** {@link resampleImage} onto part of a larger map, in one go off the event loop. */
export async function resampleInto(
  image: Tensor<Uint8Array>,
  region: Region,
  { size, to, mirror, fill }: ResampledPlace,
): Promise<Tensor<Uint8Array>> {
  const [height, width, channels = 1] = image.shape
  const target = tensor(new Uint8Array(size[0] * size[1] * channels), [...size, channels])
  const source = tensor(image.data, [height, width, channels])
  await loadNative().placeImage(source, target, { from: region, to, mirror, fill })
  return tensor(target.data, [...size, ...image.shape.slice(2)])
}

/**
 * Resizes a region of an H×W label map to `height` × `width` by the nearest pixel centre: output j takes source pixel
 * ⌊(j + ½)·width(region)/width⌋. In JavaScript, because the nearest kernel of libvips takes pixel corners when it
 * shrinks, which would shift labels against the image; the cost is one look-up an output pixel.
 */
export function resampleLabels(
  labels: Tensor<Uint8Array>,
  region: Region,
  height: number,
  width: number,
): Tensor<Uint8Array> {
  const columns = nearestIndices(region.left, region.width, width)
  const rows = nearestIndices(region.top, region.height, height)
  const source = labels.data
  const data = new Uint8Array(height * width)
  for (let y = 0; y < height; y++) {
    if (y > 0 && rows[y] === rows[y - 1]) {
      data.copyWithin(y * width, (y - 1) * width, y * width)
      continue
    }
    const from = rows[y] * labels.shape[1]
    const to = y * width
    for (let x = 0; x < width; x++) data[to + x] = source[from + columns[x]]
  }
  return tensor(data, [height, width])
}

/** Resizes an H×W mask of 0 and 1: 1 where at least half of the linearly resized mask lies, so edges stay smooth. */
export async function resampleMask(
  mask: Tensor<Uint8Array>,
  height: number,
  width: number,
): Promise<Tensor<Uint8Array>> {
  const scaled = tensor(
    mask.data.map((value) => (value === 0 ? 0 : 255)),
    mask.shape,
  )
  const resized = await resampleImage(scaled, wholeRegion(mask), height, width)
  return tensor(
    resized.data.map((value) => (value >= 128 ? 1 : 0)),
    [height, width],
  )
}

/** `length` zeros in the class of `data`. A Node Buffer, which warns when it is constructed, gives a Uint8Array. */
function zerosLike<T extends TypedArray>(data: T, length: number): T {
  const arrayType = Buffer.isBuffer(data) ? Uint8Array : data.constructor
  return new (arrayType as new (length: number) => T)(length)
}

/** The source pixel start + ⌊(j + ½)·length/count⌋ of every output pixel j < count of one axis. */
export function nearestIndices(start: number, length: number, count: number): Int32Array {
  const indices = new Int32Array(count)
  for (let j = 0; j < count; j++) indices[j] = start + Math.floor(((j + 0.5) * length) / count)
  return indices
}
