import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkInteger, checkNumber, invalid } from '../validate.ts'
import { IGNORE_LABEL, type Sample } from './dataset.ts'
import { type Region, resampleImage, resampleLabels } from './resample.ts'

/** What part of a picture a crop shows, and where: `source` is resized to height × width and placed at (top, left). */
export interface CropWindow {
  readonly source: Region
  readonly height: number
  readonly width: number
  readonly top: number
  readonly left: number
}

/** Options of {@link scaleJitterCrop}. */
export interface ScaleJitterCropOptions {
  /** [height, width] of the crop in pixels. */
  readonly size: readonly [number, number]
  /** Range of the scale factor. */
  readonly scale?: readonly [number, number]
  /** A point of the picture that the crop must show, as shares of height and width in [0, 1). Default: none. */
  readonly focus?: readonly [y: number, x: number]
}

/** The range of scale factors of training crops. */
export const DEFAULT_SCALE: readonly [number, number] = [0.5, 2]

/** Checks a crop size [height, width] in pixels and returns it. */
export function checkCropSize(name: string, size: unknown): readonly [number, number] {
  if (!Array.isArray(size) || size.length !== 2) throw invalid(name, '[height, width] in pixels', size)
  return [checkInteger(`${name}[0]`, size[0], 1), checkInteger(`${name}[1]`, size[1], 1)]
}

/** Checks a range [smallest, largest] of positive numbers and returns it. */
export function checkRange(name: string, range: unknown, max: number): readonly [number, number] {
  if (!Array.isArray(range) || range.length !== 2) throw invalid(name, '[smallest, largest]', range)
  const low = checkNumber(`${name}[0]`, range[0], Number.MIN_VALUE, max)
  return [low, checkNumber(`${name}[1]`, range[1], low, max)]
}

/**
 * A random crop of the picture resized by a random factor, the same for image, labels and instances.
 *
 * The factor is uniform in `scale` (default [0.5, 2]). Only the part of the picture that the crop shows is resized, off
 * the event loop. Where the resized picture is smaller than the crop, it is placed at random and the rest is filled with
 * its mean colour and IGNORE_LABEL (instances: 0). Draws, in order: factor, vertical position, horizontal position.
 *
 * @returns a sample of exactly `size`; the given one is left as it is.
 */
export async function scaleJitterCrop(
  sample: Sample,
  options: ScaleJitterCropOptions,
  rng: Random,
): Promise<Sample> {
  const size = checkCropSize('size', options.size)
  const [low, high] = checkRange('scale', options.scale ?? DEFAULT_SCALE, 64)
  const factor = low + (high - low) * rng.uniform()
  const window = drawWindow(sample.image.shape[0], sample.image.shape[1], size, factor, rng, options.focus)
  const cropped = await cropSample(sample, window)
  if (window.height === size[0] && window.width === size[1]) return cropped
  const pad = (map: Tensor<Uint8Array>, fill: readonly number[]) =>
    placed(map, size, window.top, window.left, fill)
  return {
    ...cropped,
    image: pad(cropped.image, meanColour(sample.image)),
    labels: pad(cropped.labels, [IGNORE_LABEL]),
    ...(cropped.instances && { instances: pad(cropped.instances, [0]) }),
  }
}

/**
 * Draws which part of a `height` × `width` picture, resized by `factor`, a crop of `size` [height, width] shows. The part
 * has whole source pixels; a side of the picture that is too short for the crop is shown in full and placed at random.
 */
export function drawWindow(
  height: number,
  width: number,
  size: readonly [number, number],
  factor: number,
  rng: Random,
  focus?: readonly [y: number, x: number],
): CropWindow {
  const vertical = drawAxis(height, size[0], factor, rng, focus?.[0])
  const horizontal = drawAxis(width, size[1], factor, rng, focus?.[1])
  return {
    source: {
      top: vertical.start,
      left: horizontal.start,
      height: vertical.length,
      width: horizontal.length,
    },
    height: vertical.scaled,
    width: horizontal.scaled,
    top: vertical.offset,
    left: horizontal.offset,
  }
}

/** The part of a sample that `window` shows, resized, without padding. */
export async function cropSample(sample: Sample, window: CropWindow): Promise<Sample> {
  const { source, height, width } = window
  return {
    ...sample,
    image: await resampleImage(sample.image, source, height, width),
    labels: resampleLabels(sample.labels, source, height, width),
    ...(sample.instances && { instances: resampleLabels(sample.instances, source, height, width) }),
  }
}

/** The sample mirrored left to right; the given one is left as it is. */
export function flip(sample: Sample): Sample {
  return {
    ...sample,
    image: mirrored(sample.image),
    labels: mirrored(sample.labels),
    ...(sample.instances && { instances: mirrored(sample.instances) }),
  }
}

/** One side: `count` output pixels are to show a picture of `length` pixels resized by `factor`. */
function drawAxis(length: number, count: number, factor: number, rng: Random, focus?: number) {
  const wanted = Math.max(1, Math.round(count / factor))
  if (wanted <= length) {
    // With a focus, every part that shows its pixel is equally likely.
    const pixel = focus === undefined ? undefined : Math.min(length - 1, Math.floor(focus * length))
    const first = pixel === undefined ? 0 : Math.max(0, pixel - wanted + 1)
    const last = pixel === undefined ? length - wanted : Math.min(length - wanted, pixel)
    return { start: rng.integer(first, last), length: wanted, scaled: count, offset: 0 }
  }
  const scaled = Math.min(count, Math.max(1, Math.round(length * factor)))
  return { start: 0, length, scaled, offset: rng.integer(0, count - scaled) }
}

function mirrored(map: Tensor<Uint8Array>): Tensor<Uint8Array> {
  const [height, width, channels = 1] = map.shape
  const data = Uint8Array.prototype.slice.call(map.data)
  const stride = width * channels
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

/** Copies `map` to (top, left) of a map of `size` that holds `fill` elsewhere. */
function placed(
  map: Tensor<Uint8Array>,
  size: readonly [number, number],
  top: number,
  left: number,
  fill: readonly number[],
): Tensor<Uint8Array> {
  const channels = fill.length
  const data = new Uint8Array(size[0] * size[1] * channels)
  if (channels === 1) data.fill(fill[0])
  else for (let i = 0; i < data.length; i++) data[i] = fill[i % channels]
  const rowLength = map.shape[1] * channels
  for (let y = 0; y < map.shape[0]; y++) {
    data.set(map.data.subarray(y * rowLength, (y + 1) * rowLength), ((top + y) * size[1] + left) * channels)
  }
  return tensor(data, [...size, ...map.shape.slice(2)])
}

/** Mean colour; pictures above 512² pixels are sampled on a regular grid, so that the event loop is not held up. */
function meanColour(image: Tensor<Uint8Array>): readonly number[] {
  const [height, width] = image.shape
  const step = Math.max(1, Math.ceil(Math.sqrt((height * width) / 512 ** 2)))
  const sum = [0, 0, 0]
  let count = 0
  for (let y = 0; y < height; y += step) {
    for (let x = 0; x < width; x += step, count++) {
      const i = (y * width + x) * 3
      sum[0] += image.data[i]
      sum[1] += image.data[i + 1]
      sum[2] += image.data[i + 2]
    }
  }
  return sum.map((value) => Math.round(value / count))
}
