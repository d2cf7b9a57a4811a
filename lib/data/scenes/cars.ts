import type { Random } from '../../random.ts'
import type { Actor } from './actor.ts'
import type { Paint } from './canvas.ts'
import { Known } from './classes.ts'
import { hsv, type Rgb, scaleRgb, srgb, vary } from './color.ts'
import { between, chance } from './draw.ts'
import { flat, lit } from './paints.ts'
import { type Point3, Solid } from './solid.ts'
import type { Stage } from './stage.ts'

/** Shape of a car in metres; positions along the car run from the tail (0) to the nose (length). */
interface CarShape {
  readonly length: number
  readonly width: number
  readonly sill: number
  readonly waist: number
  readonly roof: number
  /** Where the cabin begins and ends at the waist and at the roof. */
  readonly cabin: readonly [number, number, number, number]
}

/** Colours of a car and what its lights show. */
interface CarStyle {
  readonly shape: CarShape
  readonly body: Rgb
  readonly glass: Rgb
  readonly taxiSign: boolean
}

const SHAPES: readonly CarShape[] = [
  { length: 3.9, width: 1.7, sill: 0.28, waist: 0.92, roof: 1.46, cabin: [0.1, 3.0, 0.5, 2.3] },
  { length: 4.5, width: 1.76, sill: 0.26, waist: 0.9, roof: 1.42, cabin: [0.6, 3.4, 1.2, 2.6] },
  { length: 4.6, width: 1.86, sill: 0.36, waist: 1.05, roof: 1.7, cabin: [0.08, 3.5, 0.4, 2.8] },
  { length: 5.2, width: 1.95, sill: 0.36, waist: 1.15, roof: 2.25, cabin: [0.02, 4.5, 0.08, 3.9] },
]
const BODIES = [
  0xd9dadb, 0xb0b4b8, 0x6f7479, 0x2b2d30, 0x1b1c1f, 0xa52a28, 0x2f4f86, 0x1f3556, 0x8a7d66, 0x3f6b4a,
  0xc9b23a,
]

/** A car whose middle is at (x, z); `yaw` 0 drives away from the camera, π towards it. */
export function createCar(rng: Random, x: number, z: number, yaw: number): Actor {
  const shape = rng.pick(SHAPES)
  const body = chance(rng, 0.15)
    ? hsv(rng.uniform(), between(rng, 0.4, 0.8), between(rng, 0.3, 0.8))
    : srgb(rng.pick(BODIES))
  const style: CarStyle = {
    shape,
    body: vary(rng, body, 0.25),
    glass: vary(rng, srgb(0x242a30), 0.3),
    taxiSign: chance(rng, 0.05),
  }
  const sideways = Math.abs(Math.sin(yaw)) > 0.7
  return {
    x,
    z,
    halfX: (sideways ? shape.length : shape.width) / 2,
    halfZ: (sideways ? shape.width : shape.length) / 2,
    height: shape.roof,
    draw: (stage) => drawCar(stage, style, x, z, yaw),
  }
}

function drawCar(stage: Stage, style: CarStyle, x: number, z: number, yaw: number): void {
  const solid = new Solid(stage, Known.car, x, z, yaw)
  const { shape } = style
  const { lamp } = solid
  const half = shape.length / 2
  const side = shape.width / 2
  const at = (along: number) => along - half
  drawUnderside(solid, shape)
  const paint = (normal: readonly [number, number, number]): Paint =>
    carPaint(stage, style.body, lamp, normal)
  const lower = [-side, side, -half + 0.05, half - 0.05] as const
  solid.frustum(shape.sill, lower, shape.waist, [-side, side, -half, half - 0.12], paint)
  drawSides(solid, style)
  drawEnds(stage, solid, style)
  const [w0, w1, r0, r1] = shape.cabin
  const inset = side - 0.16
  const low = [-side + 0.03, side - 0.03, at(w0), at(w1)] as const
  const high = [-inset, inset, at(r0), at(r1)] as const
  solid.frustum(shape.waist, low, shape.roof, high, (n, which) =>
    which === 'top' ? paint(n) : glassPaint(stage, style.glass, n),
  )
  drawPillars(solid, style, paint)
  if (style.taxiSign)
    solid.box(-0.2, 0.2, shape.roof, shape.roof + 0.14, -0.1, 0.1, (n) => flat([0.9, 0.8, 0.3], lamp, n))
}

function drawUnderside(solid: Solid, shape: CarShape): void {
  const side = shape.width / 2 - 0.08
  const half = shape.length / 2 - 0.15
  const dark = lit(scaleRgb(solid.lamp.ambient, 0.012))
  solid.box(-side, side, 0.05, shape.sill, -half, half, () => dark)
}

/** Wheels with hubs, and the seams of the doors. */
function drawSides(solid: Solid, style: CarStyle): void {
  const { shape } = style
  const { lamp } = solid
  const half = shape.length / 2
  for (const outward of [-1, 1] as const) {
    const plane = outward * (shape.width / 2 + 0.02)
    for (const along of [-half + 0.75, half - 0.85]) {
      solid.disc(plane * 0.995, 0.34, along, 0.38, outward, () => lit(scaleRgb(lamp.ambient, 0.012)))
      solid.disc(plane, 0.31, along, 0.31, outward, (n) => flat([0.025, 0.025, 0.027], lamp, n))
      solid.disc(plane * 1.01, 0.31, along, 0.18, outward, (n) => flat([0.28, 0.28, 0.29], lamp, n))
    }
    const seam = (n: readonly [number, number, number]) => flat(scaleRgb(style.body, 0.45), lamp, n)
    for (const along of [-0.55, 0.45]) {
      solid.face(sideQuad(plane, outward, shape.sill + 0.06, shape.waist, along, along + 0.03), seam)
    }
  }
}

/** Lights, number plate and bumper at tail (facing −z) and nose (facing +z). */
function drawEnds(stage: Stage, solid: Solid, style: CarStyle): void {
  const { shape } = style
  const { lamp } = solid
  const side = shape.width / 2
  const half = shape.length / 2 + 0.02
  const glow = stage.light.litWindows > 0.1 ? 1 : 0.12
  for (const end of [-1, 1] as const) {
    const z = end * half
    const quad = (left: number, right: number, y0: number, y1: number): Point3[] => {
      const [first, second] = end < 0 ? [left, right] : [right, left]
      return [
        [first, y1, z],
        [second, y1, z],
        [second, y0, z],
        [first, y0, z],
      ]
    }
    const middle = (shape.sill + shape.waist) / 2
    const bumper = (n: readonly [number, number, number]) => flat(scaleRgb(style.body, 0.35), lamp, n)
    solid.face(quad(-side + 0.02, side - 0.02, shape.sill, shape.sill + 0.17), bumper)
    const lamps: Rgb = end < 0 ? [0.5, 0.02, 0.02] : [0.75, 0.75, 0.7]
    const light = (n: readonly [number, number, number]) => {
      const surface = flat(lamps, lamp, n)
      const own: Rgb = end < 0 ? [glow, 0.03 * glow, 0.02 * glow] : [glow * 1.6, glow * 1.5, glow * 1.2]
      return add(surface, own)
    }
    for (const outward of [-1, 1]) {
      const outer = outward * (side - 0.06)
      const inner = outward * (side - 0.4)
      solid.face(quad(Math.min(outer, inner), Math.max(outer, inner), middle, middle + 0.17), light)
    }
    solid.face(quad(-0.26, 0.26, middle - 0.12, middle), (n) => flat([0.6, 0.6, 0.55], lamp, n))
    if (end > 0)
      solid.face(quad(-0.42, 0.42, middle + 0.04, middle + 0.15), (n) => flat([0.03, 0.03, 0.03], lamp, n))
  }
}

/** Body-coloured strips that frame the windows. */
function drawPillars(solid: Solid, style: CarStyle, paint: (n: [number, number, number]) => Paint): void {
  const { shape } = style
  const half = shape.length / 2
  const [w0, w1, r0, r1] = shape.cabin
  const low = shape.width / 2 - 0.02
  const high = shape.width / 2 - 0.15
  for (const outward of [-1, 1] as const) {
    for (const share of shape.length > 5 ? [0, 0.45, 0.94] : [0, 0.48, 0.95]) {
      const foot = w0 + (w1 - w0) * share - half
      const head = r0 + (r1 - r0) * share - half
      const wide = share === 0.48 ? 0.07 : 0.13
      const strip: Point3[] = [
        [outward * high, shape.roof, head],
        [outward * high, shape.roof, head + wide],
        [outward * low, shape.waist, foot + wide],
        [outward * low, shape.waist, foot],
      ]
      solid.face(outward > 0 ? strip : [strip[1], strip[0], strip[3], strip[2]], paint)
    }
  }
}

function sideQuad(x: number, outward: -1 | 1, y0: number, y1: number, z0: number, z1: number): Point3[] {
  const [first, second] = outward > 0 ? [z0, z1] : [z1, z0]
  return [
    [x, y1, first],
    [x, y1, second],
    [x, y0, second],
    [x, y0, first],
  ]
}

/** Lacquer: the lit colour, and over it the sky, more of it towards the top of a panel. */
function carPaint(
  stage: Stage,
  body: Rgb,
  lamp: Solid['lamp'],
  normal: readonly [number, number, number],
): Paint {
  const base = flat(body, lamp, normal, { grain: 0.05, frequency: 31 })
  const gloss = 0.1 + 0.12 * Math.max(0, normal[1])
  const { horizon } = stage.light
  return (u, v, out) => {
    base(u, v, out)
    const mirror = gloss * (v < 0.45 ? 1 : 0.25)
    const tone = 1.08 - 0.25 * v
    for (let c = 0; c < 3; c++) out[c] = out[c] * tone + horizon[c] * mirror * 0.6
  }
}

/** Dark glass with the sky's reflection fading downwards. */
function glassPaint(stage: Stage, glass: Rgb, normal: readonly [number, number, number]): Paint {
  const { horizon, ambient } = stage.light
  const strength = 0.16 + 0.22 * Math.max(0, normal[1])
  return (u, v, out) => {
    const streak = u + 0.5 * v > 0.7 && u + 0.5 * v < 0.85 ? 1.5 : 1
    for (let c = 0; c < 3; c++)
      out[c] = glass[c] * ambient[c] + horizon[c] * strength * (1 - 0.6 * v) * streak
  }
}

function add(surface: Paint, own: Rgb): Paint {
  return (u, v, out) => {
    surface(u, v, out)
    for (let c = 0; c < 3; c++) out[c] += own[c]
  }
}
