import { checkInteger, invalid } from '../validate.ts'

/** Where an output row or column lies between two of the source. */
interface Neighbours {
  readonly low: Int32Array
  readonly high: Int32Array
  /** Share of `high`. */
  readonly weight: Float32Array
}

/**
 * Resizes a map linearly with half-pixel centres and clamped edges, as OpenCV's INTER_LINEAR does: output row j lies at
 * source row (j + ½) · h / H − ½. It does not average where it shrinks. A NaN spreads to the outputs it has a share in.
 *
 * @param data h×w
 * @param from [h, w]
 * @param to [H, W]
 * @returns H×W
 * @throws DenseHybridError INVALID_ARGUMENT where a size is not positive or does not fit the data
 */
export function resizeBilinear(
  data: Float32Array,
  from: readonly [number, number],
  to: readonly [number, number],
): Float32Array {
  for (const [name, size] of Object.entries({ from, to })) {
    for (const i of [0, 1]) checkInteger(`${name}[${i}]`, size[i], 1, 65_535)
  }
  const [height, width] = from
  if (data.length !== height * width) throw invalid('data', `${height}×${width} values`, data)
  const rows = neighbours(height, to[0])
  const columns = neighbours(width, to[1])
  const resized = new Float32Array(to[0] * to[1])
  for (let y = 0, at = 0; y < to[0]; y++) {
    const top = rows.low[y] * width
    const bottom = rows.high[y] * width
    const down = rows.weight[y]
    for (let x = 0; x < to[1]; x++, at++) {
      const left = columns.low[x]
      const right = columns.high[x]
      const across = columns.weight[x]
      const above = mix(data[top + left], data[top + right], across)
      const below = mix(data[bottom + left], data[bottom + right], across)
      resized[at] = mix(above, below, down)
    }
  }
  return resized
}

/** A weight of 0 or 1 leaves the other value out, so that an infinite one does not make NaN of it. */
function mix(a: number, b: number, share: number): number {
  return share === 0 ? a : a * (1 - share) + b * share
}

function neighbours(source: number, target: number): Neighbours {
  const low = new Int32Array(target)
  const high = new Int32Array(target)
  const weight = new Float32Array(target)
  for (let j = 0; j < target; j++) {
    const position = Math.min(source - 1, Math.max(0, ((j + 0.5) * source) / target - 0.5))
    low[j] = Math.floor(position)
    high[j] = Math.min(source - 1, low[j] + 1)
    weight[j] = position - low[j]
  }
  return { low, high, weight }
}
