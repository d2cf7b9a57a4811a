import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { checkInteger, checkNumber, invalid } from '../validate.ts'
import { IGNORE_LABEL, type Sample } from './dataset.ts'
import { mirrored, placeImage, placeLabels } from './place.ts'
import type { Region } from './resample.ts'

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
  /** Mirror the crop left to right, as {@link flip} would. Default false. */
  readonly mirror?: boolean
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
  return showWindow(sample, window, size, options.mirror ?? false)
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

/** A crop of `size`: the part of the sample that `window` shows, resized, and mirrored together with its padding. */
async function showWindow(
  sample: Sample,
  window: CropWindow,
  size: readonly [number, number],
  mirror: boolean,
): Promise<Sample> {
  const { source, height, width, top } = window
  const isPadded = height !== size[0] || width !== size[1]
  const left = mirror ? size[1] - window.left - width : window.left
  const target = { size, top, left, height, width, mirror }
  const labelCrop = (map: Tensor<Uint8Array>, fill: number) => placeLabels(map, source, target, fill)
  const fill = isPadded ? meanColour(sample.image) : [0, 0, 0]
  return {
    ...sample,
    image: await placeImage(sample.image, source, target, fill),
    labels: labelCrop(sample.labels, IGNORE_LABEL),
    ...(sample.instances && { instances: labelCrop(sample.instances, 0) }),
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

/** Mean colour; pictures above 512² pixels are sampled on a regular grid, so that the event loop is not held up. */
function meanColour(image: Tensor<Uint8Array>): readonly number[] {
  const { data } = image
  const [height, width] = image.shape
  const step = Math.max(1, Math.ceil(Math.sqrt((height * width) / 512 ** 2)))
  let [red, green, blue] = [0, 0, 0]
  for (let y = 0; y < height; y += step) {
    const end = (y + 1) * width * 3
    for (let i = y * width * 3; i < end; i += 3 * step) {
      red += data[i]
      green += data[i + 1]
      blue += data[i + 2]
    }
  }
  const count = Math.ceil(height / step) * Math.ceil(width / step)
  return [red, green, blue].map((value) => Math.round(value / count))
}
