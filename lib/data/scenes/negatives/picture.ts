import type { Negative } from '../../../negatives/types.ts'
import type { Random } from '../../../random.ts'
import { tensor } from '../../../tensor.ts'
import { between, chance } from '../draw.ts'
import type { Part, Recipe } from './recipes.ts'

/** How a negative is lit and photographed; the ranges cover those of the scenes. */
interface Look {
  /** Direction of light on screen, y down, and how much it models the form. */
  readonly lightX: number
  readonly lightY: number
  readonly modelling: number
  /** Rounded like a ball (1) or flat (0). */
  readonly round: number
  readonly gloss: number
  readonly balance: readonly [number, number, number]
  readonly noise: number
  readonly blur: number
}

/** Pixels that must show. */
const FEWEST = 12

/** Draws a recipe into width×height pixels, cut to what shows; undefined when fewer than 12 pixels do. */
export function drawRecipe(rng: Random, recipe: Recipe, width: number, height: number): Negative | undefined {
  const look = createLook(rng)
  const linear = new Float32Array(width * height * 3)
  const mask = new Uint8Array(width * height)
  const color = new Float32Array(3)
  let [left, right, top, bottom] = [width, -1, height, -1]
  let count = 0
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const u = (2 * x + 1) / width - 1
      const v = (2 * y + 1) / height - 1
      if (!paintAt(recipe.parts, look, u, v, color)) continue
      mask[i] = 1
      linear.set(color, 3 * i)
      count++
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = y
    }
  }
  if (count < FEWEST) return undefined
  blurWithin(linear, mask, width, height, look.blur)
  return cut(rng, look, linear, mask, width, { left, right, top, bottom })
}

function createLook(rng: Random): Look {
  const angle = between(rng, 0, 2 * Math.PI)
  const exposure = Math.exp(between(rng, -0.25, 0.9))
  const warmth = between(rng, -0.15, 0.2)
  return {
    lightX: Math.cos(angle) * 0.7,
    lightY: -0.3 - 0.6 * Math.abs(Math.sin(angle)),
    modelling: chance(rng, 0.75) ? between(rng, 0.15, 0.75) : 0,
    round: chance(rng, 0.5) ? 1 : 0,
    gloss: chance(rng, 0.25) ? between(rng, 0.1, 0.6) : 0,
    balance: [exposure * (1 + warmth), exposure, exposure * (1 - warmth)],
    noise: Math.exp(between(rng, 0, 1.7)),
    blur: between(rng, 0.02, 0.15),
  }
}

/** Colour of the frontmost part at (u, v); false where there is none. */
function paintAt(parts: readonly Part[], look: Look, u: number, v: number, out: Float32Array): boolean {
  for (const part of parts) {
    const dx = u - part.x
    const dy = v - part.y
    const cos = Math.cos(part.turn)
    const sin = Math.sin(part.turn)
    const x = (dx * cos + dy * sin) / part.scaleX
    const y = (dy * cos - dx * sin) / part.scaleY
    if (!part.shape(x, y)) continue
    part.texture(x, y, out)
    // On a ball the normal leans outwards with the distance from the middle; on a flat thing light just falls off.
    const facing = look.lightX * (dx / part.scaleX) + look.lightY * (dy / part.scaleY)
    const edge = Math.sqrt(Math.max(0, 1 - x * x - y * y))
    const form = look.round > 0 ? 0.55 * facing + 0.45 * edge : 0.5 * facing + 0.3
    const tone = Math.max(0.12, 1 - look.modelling + look.modelling * (0.5 + form))
    const hx = dx / part.scaleX - look.lightX * 0.5
    const hy = dy / part.scaleY - look.lightY * 0.5
    const shine = look.gloss / (1 + 40 * (hx * hx + hy * hy))
    for (let c = 0; c < 3; c++) out[c] = (out[c] * tone + shine) * look.balance[c]
    return true
  }
  return false
}

/** Three-tap blur along both axes over the pixels of the mask only. */
function blurWithin(image: Float32Array, mask: Uint8Array, width: number, height: number, k: number): void {
  const source = image.slice()
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (mask[i] === 0) continue
      let weight = 1
      const sum = [source[3 * i], source[3 * i + 1], source[3 * i + 2]]
      for (const [dx, dy] of NEIGHBOURS) {
        const j = i + dy * width + dx
        if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height || mask[j] === 0) continue
        weight += k
        for (let c = 0; c < 3; c++) sum[c] += k * source[3 * j + c]
      }
      for (let c = 0; c < 3; c++) image[3 * i + c] = sum[c] / weight
    }
  }
}

const NEIGHBOURS = [
  [-1, 0],
  [1, 0],
  [0, -1],
  [0, 1],
] as const

/** The box of the mask as bytes, with sensor noise. */
function cut(
  rng: Random,
  look: Look,
  linear: Float32Array,
  mask: Uint8Array,
  stride: number,
  box: { left: number; right: number; top: number; bottom: number },
): Negative {
  const width = box.right - box.left + 1
  const height = box.bottom - box.top + 1
  // Assignment rounds and clamps.
  const image = new Uint8ClampedArray(width * height * 3)
  const inside = new Uint8Array(width * height)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const j = (y + box.top) * stride + x + box.left
      inside[i] = mask[j]
      for (let c = 0; c < 3; c++) {
        const tone = mask[j] === 0 ? 0 : 255 * Math.min(1, linear[3 * j + c]) ** (1 / 2.2)
        image[3 * i + c] = tone + look.noise * rng.normal()
      }
    }
  }
  return {
    image: tensor(new Uint8Array(image.buffer), [height, width, 3]),
    mask: tensor(inside, [height, width]),
  }
}
