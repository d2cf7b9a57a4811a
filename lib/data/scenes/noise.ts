import { random } from '../../random.ts'

/** Side of a noise tile; a power of two, so that coordinates wrap with a mask. */
export const TILE = 256
const MASK = TILE - 1

/** Periodic textures, TILE×TILE, row-major, the same for every scene: scenes differ by the offsets they look them up at. */
export interface NoiseTiles {
  /** Smooth noise of six octaves in about [−1, 1], periods 64, 32, … 2 texels. */
  readonly smooth: Float32Array
  /** Independent values in [−1, 1]. */
  readonly grain: Float32Array
}

let tiles: NoiseTiles | undefined

/** The noise tiles, made on first use (a few milliseconds). */
export function noiseTiles(): NoiseTiles {
  if (tiles !== undefined) return tiles
  const stream = random(0x5ce7e5)
  const grain = Float32Array.from({ length: TILE * TILE }, () => 2 * stream.uniform() - 1)
  const smooth = new Float32Array(TILE * TILE)
  let amplitude = 1
  for (let period = 64; period >= 2; period /= 2) {
    addValueNoise(smooth, grain, period, amplitude)
    amplitude *= 0.62
  }
  const deviation = Math.sqrt(smooth.reduce((sum, v) => sum + v * v, 0) / smooth.length)
  for (let i = 0; i < smooth.length; i++) smooth[i] *= 0.45 / deviation
  tiles = { smooth, grain }
  return tiles
}

/** Adds lattice noise of the given period: values at lattice points, smoothstep between them. */
function addValueNoise(target: Float32Array, values: Float32Array, period: number, amplitude: number): void {
  const cells = TILE / period
  const at = (i: number, j: number) =>
    values[(((i % cells) * 7 + period) & MASK) * TILE + (((j % cells) * 11 + period * 3) & MASK)]
  for (let y = 0; y < TILE; y++) {
    const i = Math.floor(y / period)
    const fy = smoothstep(y / period - i)
    for (let x = 0; x < TILE; x++) {
      const j = Math.floor(x / period)
      const fx = smoothstep(x / period - j)
      const upper = at(i, j) * (1 - fx) + at(i, j + 1) * fx
      const lower = at(i + 1, j) * (1 - fx) + at(i + 1, j + 1) * fx
      target[y * TILE + x] += amplitude * (upper * (1 - fy) + lower * fy)
    }
  }
}

function smoothstep(t: number): number {
  return t * t * (3 - 2 * t)
}

/** The texel under (x, y), wrapped; coordinates in texels, any sign, below 2³¹. */
export function texel(tile: Float32Array, x: number, y: number): number {
  return tile[((Math.floor(y) & MASK) << 8) | (Math.floor(x) & MASK)]
}

/** Bilinear look-up at (x, y) texels, wrapped. */
export function texture(tile: Float32Array, x: number, y: number): number {
  const j = Math.floor(x)
  const i = Math.floor(y)
  const fx = x - j
  const fy = y - i
  const upper = (i & MASK) << 8
  const lower = ((i + 1) & MASK) << 8
  const left = j & MASK
  const right = (j + 1) & MASK
  const a = tile[upper | left] + (tile[upper | right] - tile[upper | left]) * fx
  const b = tile[lower | left] + (tile[lower | right] - tile[lower | left]) * fx
  return a + (b - a) * fy
}

/** A value in [0, 1) that depends on the three whole numbers only; for per-window and per-tile choices. */
export function hash(a: number, b: number, c: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77) ^ Math.imul(c, 0xc2b2ae3d)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296
}
