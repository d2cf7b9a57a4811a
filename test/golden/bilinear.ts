import { type Tensor, tensor } from '../../lib/tensor.ts'

type Real = Float32Array | Float64Array

/**
 * Readable reference of bilinear upsampling, in double precision.
 *
 * @param input N×C×h×w
 * @param alignCorners false: pixel centres, source = (target + ½)·h/H − ½, clamped at 0. true: corners, target·(h−1)/(H−1).
 * @returns N×C×height×width
 */
export function upsampleBilinear(
  input: Tensor<Real>,
  height: number,
  width: number,
  alignCorners = false,
): Tensor<Float64Array> {
  const [n, c, h, w] = input.shape
  const rows = taps(h, height, alignCorners)
  const columns = taps(w, width, alignCorners)
  const output = new Float64Array(n * c * height * width)
  let position = 0
  for (let plane = 0; plane < n * c; plane++) {
    const base = plane * h * w
    for (const row of rows) {
      const upper = base + row.low * w
      const lower = base + row.high * w
      for (const column of columns) {
        const top = mix(input.data[upper + column.low], input.data[upper + column.high], column.weight)
        const bottom = mix(input.data[lower + column.low], input.data[lower + column.high], column.weight)
        output[position++] = mix(top, bottom, row.weight)
      }
    }
  }
  return tensor(output, [n, c, height, width])
}

/** The two source positions of every target position, and the weight of the second. */
function taps(
  source: number,
  target: number,
  alignCorners: boolean,
): { low: number; high: number; weight: number }[] {
  return Array.from({ length: target }, (_, index) => {
    const exact = alignCorners
      ? target === 1
        ? 0
        : (index * (source - 1)) / (target - 1)
      : Math.max(0, ((index + 0.5) * source) / target - 0.5)
    const low = Math.min(Math.floor(exact), source - 1)
    return { low, high: Math.min(low + 1, source - 1), weight: exact - low }
  })
}

function mix(a: number, b: number, weight: number): number {
  return a * (1 - weight) + b * weight
}
