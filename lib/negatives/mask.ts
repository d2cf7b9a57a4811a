import type { Region } from '../data/resample.ts'
import { DenseHybridError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkInteger, checkNumber } from '../validate.ts'

/** The draws behind a mask. {@link maskDraws} makes them from a stream; tests and golden cases replay listed ones. */
export interface MaskDraws {
  /** Uniform in [0, 1): rectangle or segments. */
  uniform(): number
  /** One of the allowed side lengths: width first, then height. */
  size(options: readonly number[]): number
  /** One of the labels that are present. */
  classId(options: readonly number[]): number
  /** Whole number in [0, max], both ends included: row first, then column. */
  position(max: number): number
}

/** Probability of a rectangle; METHOD §3. */
export const RECTANGLE_PROBABILITY = 0.5

/** Draws from a seeded stream. */
export function maskDraws(rng: Random): MaskDraws {
  return {
    uniform: () => rng.uniform(),
    size: (options) => rng.pick(options),
    classId: (options) => rng.pick(options),
    position: (max) => rng.integer(0, max),
  }
}

/** Sides of rectangular negatives in pixels: 16, 24, 32, … < `limit` (the short side of the negative image). */
export function rectangleSizes(limit: number): number[] {
  const count = Math.max(0, Math.ceil((limit - 16) / 8))
  return Array.from({ length: count }, (_, i) => 16 + 8 * i)
}

/** Sides of patches sampled from the flow in pixels: 16, 24, …, 216, both ends included; multiples of the flow's stride 8. */
export const generatedPatchSizes: readonly number[] = Array.from({ length: 26 }, (_, i) => 16 + 8 * i)

/** The distinct labels of a map, ascending. */
export function presentLabels(labels: Tensor<Uint8Array | Int32Array>): number[] {
  const { data } = labels
  const present = new Set<number>()
  for (let i = 0; i < data.length; i++) {
    if (i === 0 || data[i] !== data[i - 1]) present.add(data[i]) // labels come in runs: this spares nearly all look-ups
  }
  return [...present].sort((a, b) => a - b)
}

/**
 * A rectangle inside `height` × `width` pixels. Sides and position are uniform, the position with both ends included.
 * @throws EMPTY when the short side is 16 pixels or less: no side length is allowed.
 */
export function drawRectangle(
  height: number,
  width: number,
  draws: Omit<MaskDraws, 'uniform' | 'classId'>,
): Region {
  const sizes = rectangleSizes(Math.min(height, width))
  if (sizes.length === 0) {
    throw new DenseHybridError(
      'EMPTY',
      `No rectangle fits into a negative image of ${width}×${height} pixels.`,
      {
        hint: 'Rectangles have sides of at least 16 pixels, less than the short side of the image.',
      },
    )
  }
  const rectangleWidth = draws.size(sizes)
  const rectangleHeight = draws.size(sizes)
  const top = draws.position(height - rectangleHeight)
  const left = draws.position(width - rectangleWidth)
  return { top, left, height: rectangleHeight, width: rectangleWidth }
}

/** H×W mask: 1 where the label is one of `count` labels drawn with replacement from `options` (not empty). */
export function drawSegments(
  labels: Tensor<Uint8Array | Int32Array>,
  options: readonly number[],
  count: number,
  draws: Pick<MaskDraws, 'classId'>,
): Tensor<Uint8Array> {
  const chosen = Array.from({ length: count }, () => draws.classId(options))
  const source = labels.data
  const data = new Uint8Array(source.length)
  let inside = 0
  for (let i = 0; i < data.length; i++) {
    if (i === 0 || source[i] !== source[i - 1]) inside = chosen.includes(source[i]) ? 1 : 0
    data[i] = inside
  }
  return tensor(data, labels.shape)
}

/**
 * The mask of a real negative, from the label map H×W of its image: with probability `rectangleProbability` (0.5) a
 * rectangle, else the union of `segments` (2) labels, drawn with replacement from all that are present. Draws, in order:
 * uniform; then width, height, row, column, or the labels.
 *
 * @returns H×W of 0 and 1, 1 = pasted.
 * @throws EMPTY when a rectangle is drawn and the short side is 16 pixels or less.
 */
export function buildMask(
  labels: Tensor<Uint8Array | Int32Array>,
  draws: MaskDraws,
  options: { rectangleProbability?: number; segments?: number } = {},
): Tensor<Uint8Array> {
  const probability = checkNumber(
    'rectangleProbability',
    options.rectangleProbability ?? RECTANGLE_PROBABILITY,
    0,
    1,
  )
  const segments = checkInteger('segments', options.segments ?? 2, 1)
  const [height, width] = labels.shape
  if (draws.uniform() >= probability) return drawSegments(labels, presentLabels(labels), segments, draws)
  const rectangle = drawRectangle(height, width, draws)
  const data = new Uint8Array(height * width)
  for (let y = rectangle.top; y < rectangle.top + rectangle.height; y++) {
    data.fill(1, y * width + rectangle.left, y * width + rectangle.left + rectangle.width)
  }
  return tensor(data, [height, width])
}
