import type { Sample } from '../data/dataset.ts'
import { cropTensor, type Region, resampleImage, resampleLabels, resampleMask } from '../data/resample.ts'
import { drawWindow } from '../data/transforms.ts'
import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { CROWD } from './instance-index.ts'
import { drawRectangle, drawSegments, maskDraws, presentLabels, rectangleSizes } from './mask.ts'
import { countPixels } from './pasting.ts'
import type { Negative, TargetSize } from './types.ts'

/** Which pixels of a sample may be pasted. */
export interface Pasteable {
  /** 1 for every label value whose pixels may be pasted. */
  readonly labels: Uint8Array
  /** Number of known classes. */
  readonly classes: number
  /** Some classes must not be pasted, so crowds, whose class is not known, must not be pasted either. */
  readonly restricted: boolean
}

/** Negatives with fewer pasted pixels than this (a quarter of the smallest rectangle) are drawn again. */
const FEWEST_PIXELS = 64
const CROPS_PER_IMAGE = 4
const RECTANGLES_PER_CROP = 4

/** H×W: 1 where a pixel may be pasted. */
export function pasteablePixels(
  labels: Tensor<Uint8Array>,
  instances: Tensor<Uint8Array> | undefined,
  pasteable: Pasteable,
): Tensor<Uint8Array> {
  const source = labels.data
  const allowed = pasteable.labels
  const data = new Uint8Array(source.length)
  for (let i = 0; i < data.length; i++) data[i] = allowed[source[i]]
  const crowds = pasteable.restricted ? instances?.data : undefined
  if (crowds !== undefined) for (let i = 0; i < data.length; i++) if (crowds[i] === CROWD) data[i] = 0
  return tensor(data, labels.shape)
}

/** Whether some crop of the image can give a rectangle or segments; whether a given crop does is up to chance. */
export function canGive(sample: Sample, mode: 'rectangle' | 'segments', pasteable: Pasteable): boolean {
  const labels = sample.labels.data
  const crowds = pasteable.restricted ? sample.instances?.data : undefined
  const limit = mode === 'segments' ? pasteable.classes : 256
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    if (label < limit && pasteable.labels[label] === 1 && crowds?.[i] !== CROWD) return true
  }
  return false
}

/**
 * A rectangle or segments of a random square crop with sides of `side` pixels, from the image resized so that its short
 * side is `side`. Undefined when a few crops held too little that may be pasted.
 */
export async function pieceOfCrop(
  sample: Sample,
  mode: 'rectangle' | 'segments',
  pasteable: Pasteable,
  side: number,
  rng: Random,
): Promise<Negative | undefined> {
  const [height, width] = sample.labels.shape
  for (let i = 0; i < CROPS_PER_IMAGE; i++) {
    const window = drawWindow(height, width, [side, side], side / Math.min(height, width), rng)
    const crop = (map: Tensor<Uint8Array>) => resampleLabels(map, window.source, window.height, window.width)
    const labels = crop(sample.labels)
    const allowed = pasteablePixels(labels, sample.instances && crop(sample.instances), pasteable)
    const mask = mode === 'rectangle' ? rectangle(allowed, rng) : segments(labels, allowed, pasteable, rng)
    if (mask === undefined) continue
    const image = await resampleImage(sample.image, window.source, window.height, window.width)
    return trimmed(image, mask)
  }
  return undefined
}

/**
 * Instance `id` of a sample, resized so that its area is a share of the target's area, drawn uniformly from `areaRange`:
 * scale = √(wanted area / instance area), limited so that the object fits into the target. Undefined when nothing of it
 * may be pasted or is left at this size.
 */
export async function pieceOfInstance(
  sample: Sample,
  id: number,
  pasteable: Pasteable,
  areaRange: readonly [number, number],
  target: TargetSize,
  rng: Random,
): Promise<Negative | undefined> {
  if (sample.instances === undefined) return undefined
  const outer = boundingBox(sample.instances, id)
  if (outer === undefined) return undefined
  const ids = cropTensor(sample.instances, outer)
  const pasted = pasteablePixels(cropTensor(sample.labels, outer), undefined, pasteable)
  for (let i = 0; i < pasted.data.length; i++) if (ids.data[i] !== id) pasted.data[i] = 0
  const inner = boundingBox(pasted, 1)
  const share = areaRange[0] + (areaRange[1] - areaRange[0]) * rng.uniform()
  if (inner === undefined) return undefined
  const mask = cropTensor(pasted, inner)
  const region = { ...inner, top: outer.top + inner.top, left: outer.left + inner.left }
  const area = countPixels(mask)
  const wanted = Math.sqrt((share * target.height * target.width) / area)
  const scale = Math.min(wanted, target.height / region.height, target.width / region.width)
  const height = Math.max(1, Math.min(target.height, Math.round(region.height * scale)))
  const width = Math.max(1, Math.min(target.width, Math.round(region.width * scale)))
  const resized = await resampleMask(mask, height, width)
  return trimmed(await resampleImage(sample.image, region, height, width), resized)
}

function rectangle(allowed: Tensor<Uint8Array>, rng: Random): Tensor<Uint8Array> | undefined {
  const [height, width] = allowed.shape
  if (rectangleSizes(Math.min(height, width)).length === 0) return undefined
  let best: Region | undefined
  let mostPixels = FEWEST_PIXELS - 1
  for (let i = 0; i < RECTANGLES_PER_CROP; i++) {
    const region = drawRectangle(height, width, maskDraws(rng))
    const pixels = countPixels(cropTensor(allowed, region))
    if (pixels > mostPixels) {
      best = region
      mostPixels = pixels
    }
    if (pixels * 2 >= region.height * region.width) {
      best = region
      break
    }
  }
  if (best === undefined) return undefined
  const mask = tensor(new Uint8Array(height * width), [height, width])
  for (let y = best.top; y < best.top + best.height; y++) {
    const start = y * width + best.left
    mask.data.set(allowed.data.subarray(start, start + best.width), start)
  }
  return mask
}

function segments(
  labels: Tensor<Uint8Array>,
  allowed: Tensor<Uint8Array>,
  pasteable: Pasteable,
  rng: Random,
): Tensor<Uint8Array> | undefined {
  const options = presentLabels(labels).filter(
    (label) => label < pasteable.classes && pasteable.labels[label] === 1,
  )
  if (options.length === 0) return undefined
  const mask = drawSegments(labels, options, 2, maskDraws(rng))
  const [pasted, may] = [mask.data, allowed.data]
  let pixels = 0
  for (let i = 0; i < pasted.length; i++) pixels += pasted[i] &= may[i]
  return pixels < FEWEST_PIXELS ? undefined : mask
}

/** Cuts image and mask to the mask's bounding box; undefined for an empty mask. */
function trimmed(image: Tensor<Uint8Array>, mask: Tensor<Uint8Array>): Negative | undefined {
  const box = boundingBox(mask, 1)
  return box && { image: cropTensor(image, box), mask: cropTensor(mask, box) }
}

/** The smallest region that holds every pixel of `value`. */
function boundingBox(map: Tensor<Uint8Array>, value: number): Region | undefined {
  const [height, width] = map.shape
  let [top, left, bottom, right] = [height, width, -1, -1]
  for (let y = 0; y < height; y++) {
    const row = map.data.subarray(y * width, (y + 1) * width)
    const first = row.indexOf(value)
    if (first < 0) continue
    if (bottom < 0) top = y
    bottom = y
    left = Math.min(left, first)
    right = Math.max(right, row.lastIndexOf(value))
  }
  return bottom < 0 ? undefined : { top, left, height: bottom - top + 1, width: right - left + 1 }
}
