import { type Batch, type BatchItem, batchItem } from '../data/batch.ts'
import { createLimiter } from '../data/concurrency.ts'
import { UNKNOWN_LABEL } from '../data/dataset.ts'
import { cropTensor, resampleImage, resampleMask, wholeRegion } from '../data/resample.ts'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { type Random, random } from '../random.ts'
import { type Tensor, type TypedArray, tensor } from '../tensor.ts'
import { checkInteger, checkOptionNames, checkTensor, describe, invalid } from '../validate.ts'
import type { FlowNegative, FlowWindow, Negative, NegativeSource, TargetSize } from './types.ts'

/** Typed arrays whose elements are numbers. */
export type NumberArray = Exclude<TypedArray, BigInt64Array>

/** Result of {@link pastePatch}. */
export interface Pasted<T extends NumberArray, L extends NumberArray> {
  /** H×W×C: the mixed-content image x'. */
  readonly image: Tensor<T>
  /** H×W: as before, but the negative label where pasted. */
  readonly labels: Tensor<L>
  /** h×w×C: the pixels of the window before pasting; what the flow is trained on (L_mle). */
  readonly replaced: Tensor<T>
}

/**
 * x' = (1 − m) ⊙ x + m ⊙ pad(x⁻): pastes `patch` (h×w×C) into `image` (H×W×C) with its upper left corner at row `top`,
 * column `left`. Pixels where `mask` (h×w, 1 = pasted; null = the whole window) is not 0 take the patch's value and
 * `negativeLabel` (default UNKNOWN_LABEL), also where they were ignored. Nothing else changes; the arguments are left as
 * they are.
 *
 * @throws INVALID_ARGUMENT when shapes disagree or the window is not inside the image.
 */
export function pastePatch<T extends NumberArray, L extends NumberArray>(
  image: Tensor<T>,
  labels: Tensor<L>,
  patch: Tensor<T>,
  mask: Tensor<Uint8Array> | null,
  top: number,
  left: number,
  options: { negativeLabel?: number } = {},
): Pasted<T, L> {
  const result = { image: copy(image), labels: copy(labels) }
  checkWindow(image, labels, patch, mask, top, left)
  const [height, width] = patch.shape
  const replaced = cropTensor(image, { top, left, height, width })
  paste(result.image, result.labels, patch, mask, top, left, options.negativeLabel ?? UNKNOWN_LABEL)
  return { ...result, replaced }
}

/** Options of {@link pasteNegatives}. */
export interface PasteOptions {
  /** Default 0. */
  readonly seed?: number
  /** Further keys of the draws, such as the epoch and the index of the batch. */
  readonly keys?: readonly number[]
  /** Negatives an image, at least 1 (default); a later one may cover an earlier one. */
  readonly perImage?: number
  /** Default UNKNOWN_LABEL. */
  readonly negativeLabel?: number
  /**
   * Leave samples of a flow to the trainer: their pixels are labelled but keep their colours, and the batch says where
   * they are (`windows`). Default false.
   */
  readonly leaveToFlow?: boolean
  readonly signal?: AbortSignal
}

/**
 * Pastes one negative into every image of a batch, at a uniform position (both ends included). The draws of an image
 * depend on seed, keys and its index in the batch only.
 *
 * @returns a new batch; the given one is left as it is.
 * @throws EMPTY when the source has no negative for images of this size, ABORTED.
 */
export async function pasteNegatives(
  batch: Batch,
  source: NegativeSource,
  options: PasteOptions = {},
): Promise<Batch> {
  checkOptionNames('pasteNegatives', options, [
    'seed',
    'keys',
    'perImage',
    'negativeLabel',
    'leaveToFlow',
    'signal',
  ])
  const { seed = 0, keys = [], leaveToFlow = false, ...rest } = options
  checkInteger('seed', seed, 0)
  const images = copy(checkTensor('batch.images', batch?.images, Uint8Array, 4))
  const labels = copy(checkTensor('batch.labels', batch.labels, Uint8Array, 3))
  if (images.shape[3] !== 3) throw invalid('batch.images.shape', 'N×H×W×3', images.shape)
  if (images.shape.slice(0, 3).join() !== labels.shape.join()) {
    throw invalid('batch.labels.shape', images.shape.slice(0, 3).join('×'), labels.shape)
  }
  if (typeof source?.sample !== 'function') throw invalid('source', 'a NegativeSource', source)
  const limit = createLimiter(4)
  const windows: FlowWindow[][] = Array.from({ length: images.shape[0] }, () => [])
  const pasteAt = (index: number) =>
    pasteInto(batchItem(images, labels, index), source, random(seed, ...keys, index), {
      ...rest,
      ...(leaveToFlow && { leave: (window) => windows[index].push({ image: index, ...window }) }),
    })
  await Promise.all(windows.map((_, index) => limit(() => pasteAt(index))))
  return { images, labels, ids: batch.ids, ...(leaveToFlow && { windows: windows.flat() }) }
}

/** Options of {@link pasteInto}. */
export interface PasteIntoOptions extends Pick<PasteOptions, 'perImage' | 'negativeLabel' | 'signal'> {
  /** Told where samples of a flow go, which are then left to the trainer. */
  readonly leave?: (window: Omit<FlowWindow, 'image'>) => void
}

/**
 * Pastes `perImage` negatives into one image, in place. All draws come from `rng`: those of the negative, then row and
 * column.
 * @returns the number of pixels that were pasted.
 */
export async function pasteInto(
  target: BatchItem,
  source: NegativeSource,
  rng: Random,
  options: PasteIntoOptions = {},
): Promise<number> {
  const perImage = checkInteger('perImage', options.perImage ?? 1, 1)
  const label = checkInteger('negativeLabel', options.negativeLabel ?? UNKNOWN_LABEL, 0, 255)
  const [height, width] = target.labels.shape
  let pasted = 0
  for (let i = 0; i < perImage; i++) {
    throwIfAborted(options.signal)
    const negative = await drawNegative(source, rng, { height, width }, options)
    throwIfAborted(options.signal)
    const [h, w] = 'flow' in negative ? [negative.height, negative.width] : negative.mask.shape
    const top = rng.integer(0, height - h)
    const left = rng.integer(0, width - w)
    if ('flow' in negative) {
      markWindow(target.labels, top, left, h, w, label)
      options.leave?.({ top, left, height: h, width: w })
      pasted += h * w
      continue
    }
    paste(target.image, target.labels, negative.image, negative.mask, top, left, label)
    pasted += countPixels(negative.mask)
  }
  return pasted
}

/** Number of pixels of a mask that are not 0. */
export function countPixels(mask: Tensor<Uint8Array>): number {
  const { data } = mask
  let count = 0
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++
  return count
}

/**
 * One negative of `source`, checked, and made smaller (keeping its proportions) where it is larger than `target`. A sample
 * of a flow only where it may be left to the trainer.
 */
async function drawNegative(
  source: NegativeSource,
  rng: Random,
  target: TargetSize,
  { signal, leave }: PasteIntoOptions,
): Promise<Negative | FlowNegative> {
  const planned = leave === undefined ? undefined : source.plan?.(rng, target, { signal })
  const given = await (planned ?? source.sample(rng, target, { signal }))
  if ('flow' in given) {
    if (given.height <= target.height && given.width <= target.width) return given
    throw invalid(
      `negative of ${source.name}`,
      `at most ${target.width}×${target.height} pixels`,
      `${given.width}×${given.height}`,
    )
  }
  let negative = checkNegative(source, given)
  const [height, width] = negative.mask.shape
  const factor = Math.min(target.height / height, target.width / width)
  if (factor < 1) {
    const [h, w] = [Math.max(1, Math.floor(height * factor)), Math.max(1, Math.floor(width * factor))]
    const mask = await resampleMask(negative.mask, h, w)
    negative = { image: await resampleImage(negative.image, wholeRegion(negative.image), h, w), mask }
  }
  if (negative.mask.data.some((value) => value !== 0)) return negative
  throw new DenseHybridError(
    'EMPTY',
    `No negative large enough from ${source.name} for an image of ${target.width}×${target.height} pixels.`,
    { hint: 'Its mask is empty at this size. Use larger images or crops, or another source.' },
  )
}

function checkNegative(source: NegativeSource, negative: Negative): Negative {
  const image = checkTensor(`negative.image of ${source.name}`, negative?.image, Uint8Array, 3)
  const mask = checkTensor(`negative.mask of ${source.name}`, negative.mask, Uint8Array, 2)
  if (image.shape.join() !== [...mask.shape, 3].join()) {
    throw invalid(
      `negative.image.shape of ${source.name}`,
      `${[...mask.shape, 3].join('×')} (its mask's size)`,
      image.shape,
    )
  }
  return negative
}

function checkWindow(
  image: Tensor<NumberArray>,
  labels: Tensor<NumberArray>,
  patch: Tensor<NumberArray>,
  mask: Tensor<Uint8Array> | null,
  top: number,
  left: number,
): void {
  const [height, width, channels] = image.shape
  if (image.shape.length !== 3) throw invalid('image.shape', 'H×W×C', image.shape)
  if (labels.shape.join() !== [height, width].join())
    throw invalid('labels.shape', `${height}×${width}`, labels.shape)
  if (patch.shape.length !== 3 || patch.shape[2] !== channels) {
    throw invalid('patch.shape', `h×w×${channels}`, patch.shape)
  }
  if (mask !== null && mask.shape.join() !== patch.shape.slice(0, 2).join()) {
    throw invalid('mask.shape', patch.shape.slice(0, 2).join('×'), mask.shape)
  }
  for (const [name, value, room] of [
    ['top', top, height - patch.shape[0]],
    ['left', left, width - patch.shape[1]],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > room) {
      const size = `${patch.shape[1]}×${patch.shape[0]} patch inside the ${width}×${height} image`
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `Expected a ${size} for ${name} but received ${describe(value)}.`,
      )
    }
  }
}

function paste(
  image: Tensor<NumberArray>,
  labels: Tensor<NumberArray>,
  patch: Tensor<NumberArray>,
  mask: Tensor<Uint8Array> | null,
  top: number,
  left: number,
  label: number,
): void {
  const [height, width, channels] = patch.shape
  for (let y = 0; y < height; y++) {
    const from = y * width
    const to = (top + y) * image.shape[1] + left
    for (let x = 0; x < width; x++) {
      const start = x
      while (x < width && (mask === null || mask.data[from + x] !== 0)) x++
      if (x === start) continue
      const run = patch.data.subarray((from + start) * channels, (from + x) * channels)
      image.data.set(run, (to + start) * channels)
      labels.data.fill(label, to + start, to + x)
    }
  }
}

function markWindow(
  labels: Tensor<Uint8Array>,
  top: number,
  left: number,
  height: number,
  width: number,
  label: number,
): void {
  const stride = labels.shape[1]
  for (let y = top; y < top + height; y++)
    labels.data.fill(label, y * stride + left, y * stride + left + width)
}

function copy<T extends TypedArray>(source: Tensor<T>): Tensor<T> {
  // Not data.slice(): that of a Node Buffer shares its memory.
  return tensor(Uint8Array.prototype.slice.call(source.data) as unknown as T, source.shape)
}
