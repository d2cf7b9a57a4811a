import type { Random } from '../../random.ts'
import { IGNORE_LABEL } from '../dataset.ts'
import { type Canvas, SUPERSAMPLING } from './canvas.ts'
import { between } from './draw.ts'

const NORMALS = 4096
const CURVE = 2048
/** Linear values above this are white. */
const WHITE = 4
let normals: Float32Array | undefined
let curve: Float32Array | undefined

/** Standard normal values, drawn once; a shot picks from them. */
function normalTable(): Float32Array {
  if (normals !== undefined) return normals
  const table = new Float32Array(NORMALS)
  let state = 0x2545f491
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 4294967296
  }
  for (let i = 0; i < NORMALS; i++) {
    table[i] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  }
  return (normals = table)
}

/** Linear light 0 … WHITE to 0 … 255: a shoulder for highlights, then the sRGB exponent. */
function toneCurve(): Float32Array {
  if (curve !== undefined) return curve
  const table = new Float32Array(CURVE + 1)
  for (let i = 0; i <= CURVE; i++) {
    // Finer steps near black, where the exponent is steep.
    const value = WHITE * (i / CURVE) ** 2
    table[i] = 255 * (1 - Math.exp(-1.35 * value)) ** (1 / 2.2)
  }
  return (curve = table)
}

/** Takes the picture: box filter, exposure, white balance, lens blur, vignette, tone curve, noise. H×W×3 bytes. */
export function expose(canvas: Canvas, rng: Random): Uint8Array {
  const width = canvas.width / SUPERSAMPLING
  const height = canvas.height / SUPERSAMPLING
  const linear = shrink(canvas, width, height)
  blur(linear, width, height, between(rng, 0.02, 0.15))
  const gain = exposure(linear) * Math.exp(between(rng, -0.3, 0.25))
  const warmth = between(rng, -0.09, 0.09)
  const balance = [gain * (1 + warmth), gain * (1 + between(rng, -0.03, 0.03)), gain * (1 - warmth)]
  const vignette = between(rng, 0, 0.28)
  const contrast = between(rng, 0.95, 1.25)
  const noise = Math.exp(between(rng, 0, 1.7))
  const table = toneCurve()
  const gaussian = normalTable()
  // Assignment rounds and clamps.
  const bytes = new Uint8ClampedArray(width * height * 3)
  let state = rng.integer(0, 0x7fffffff) | 1
  for (let y = 0, i = 0; y < height; y++) {
    const dy = (2 * y) / height - 1
    for (let x = 0; x < width; x++) {
      const dx = (2 * x) / width - 1
      const fall = 1 - vignette * 0.5 * (dx * dx + dy * dy)
      for (let c = 0; c < 3; c++, i++) {
        const value = linear[i] * balance[c] * fall
        const t = value >= WHITE ? CURVE : Math.sqrt(value / WHITE) * CURVE
        const tone = 118 + (table[t | 0] - 118) * contrast
        state = (Math.imul(state, 1664525) + 1013904223) | 0
        // Shot noise is stronger where the tone curve lifts the shadows.
        const spread = noise * (1.25 - tone * 0.003)
        bytes[i] = tone + spread * gaussian[(state >>> 12) & (NORMALS - 1)]
      }
    }
  }
  return new Uint8Array(bytes.buffer)
}

/** Means of SUPERSAMPLING×SUPERSAMPLING samples. */
function shrink(canvas: Canvas, width: number, height: number): Float32Array {
  const out = new Float32Array(width * height * 3)
  const { rgb } = canvas
  const stride = canvas.width * 3
  for (let y = 0, i = 0; y < height; y++) {
    let upper = 2 * y * stride
    for (let x = 0; x < width; x++, upper += 6) {
      const lower = upper + stride
      for (let c = 0; c < 3; c++, i++) {
        out[i] = 0.25 * (rgb[upper + c] + rgb[upper + 3 + c] + rgb[lower + c] + rgb[lower + 3 + c])
      }
    }
  }
  return out
}

/** Separable 3-tap blur with weights (k, 1 − 2k, k), in place. */
function blur(image: Float32Array, width: number, height: number, k: number): void {
  const row = width * 3
  const centre = 1 - 2 * k
  for (let y = 0; y < height; y++) {
    for (let c = 0; c < 3; c++) {
      let i = y * row + c
      let before = image[i]
      for (let x = 0; x < width; x++, i += 3) {
        const here = image[i]
        const after = x + 1 < width ? image[i + 3] : here
        image[i] = k * (before + after) + centre * here
        before = here
      }
    }
  }
  const above = image.slice(0, row)
  for (let y = 0; y < height; y++) {
    const last = y + 1 === height
    for (let x = 0, i = y * row; x < row; x++, i++) {
      const here = image[i]
      image[i] = k * (above[x] + (last ? here : image[i + row])) + centre * here
      above[x] = here
    }
  }
}

/** Gain that brings the mean of the square root of green (near perceived brightness) to a fixed level. */
function exposure(image: Float32Array): number {
  let sum = 0
  let count = 0
  for (let i = 1; i < image.length; i += 21) {
    sum += Math.sqrt(Math.max(image[i], 0))
    count++
  }
  const mean = sum / count
  return 0.26 / Math.max(mean * mean, 1e-4)
}

/** The label most samples of a pixel carry; IGNORE_LABEL where two classes share it evenly. H×W. */
export function shrinkLabels(canvas: Canvas): Uint8Array {
  const width = canvas.width / SUPERSAMPLING
  const height = canvas.height / SUPERSAMPLING
  const { labels } = canvas
  const out = new Uint8Array(width * height)
  for (let y = 0, i = 0; y < height; y++) {
    let upper = 2 * y * canvas.width
    for (let x = 0; x < width; x++, i++, upper += 2) {
      const a = labels[upper]
      const b = labels[upper + 1]
      const c = labels[upper + canvas.width]
      const d = labels[upper + canvas.width + 1]
      out[i] = majority(a, b, c, d)
    }
  }
  return out
}

function majority(a: number, b: number, c: number, d: number): number {
  if (a === b && c === d) return a === c ? a : IGNORE_LABEL
  if (a === b) return a === c || a === d || c !== d ? a : IGNORE_LABEL
  if (c === d) return c === a || c === b || a !== b ? c : IGNORE_LABEL
  // Here a ≠ b and c ≠ d: any pair lies across the rows.
  const crossed = (a === c && b === d) || (a === d && b === c)
  if (crossed) return IGNORE_LABEL
  if (a === c || a === d) return a
  if (b === c || b === d) return b
  return IGNORE_LABEL
}
