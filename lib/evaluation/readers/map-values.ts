import { DenseHybridError } from '../../errors.ts'
import { type Tensor, tensor } from '../../tensor.ts'

/** How the values of a score map are stored. */
export type ScoreMapType = 'float16' | 'bfloat16' | 'float32' | 'float64' | 'grey8' | 'grey16'

/** A score map and how it was stored. */
export interface StoredScoreMap {
  /** H×W, float32. */
  readonly map: Tensor
  readonly type: ScoreMapType
}

/** Maps hold at most this many pixels, as images do: more is a damaged header. */
export const MAX_PIXELS = 2 ** 28

/** The error for a file that cannot be read as a score map. */
export function notAMap(path: string, reason: string, hint: string, cause?: unknown): DenseHybridError {
  return new DenseHybridError('INVALID_FILE', `${path} is no score map: ${reason}.`, { hint, cause })
}

/** [H, W] of the shapes H×W, 1×H×W and H×W×1; undefined for others, and for maps without or with too many pixels. */
export function mapSize(shape: readonly number[]): readonly [number, number] | undefined {
  const size = shape.length === 3 ? (shape[0] === 1 ? shape.slice(1) : shape.slice(0, 2)) : shape
  const fits = shape.length === 3 ? shape[0] === 1 || shape[2] === 1 : shape.length === 2
  const pixels = size[0] * size[1]
  return fits && pixels >= 1 && pixels <= MAX_PIXELS ? [size[0], size[1]] : undefined
}

/**
 * A score map of float32 values; float64 is rounded to the nearest.
 *
 * @throws DenseHybridError INVALID_FILE where a finite float64 does not fit in float32
 */
export function storedMap(
  path: string,
  values: Float32Array | Float64Array,
  size: readonly [number, number],
  type: ScoreMapType,
): StoredScoreMap {
  if (values instanceof Float32Array) return { map: tensor(values, size), type }
  const rounded = new Float32Array(values)
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(rounded[i]) || !Number.isFinite(values[i])) continue
    throw notAMap(
      path,
      `the value ${values[i]} at row ${Math.floor(i / size[1])}, column ${i % size[1]} does not fit in float32`,
      'Scores are computed with as float32, at most 3.4e38: write logarithms or logits.',
    )
  }
  return { map: tensor(rounded, size), type }
}
