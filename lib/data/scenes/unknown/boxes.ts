import type { Random } from '../../../random.ts'
import { UNKNOWN_LABEL } from '../../dataset.ts'
import type { Actor } from '../actor.ts'
import type { Paint } from '../canvas.ts'
import { hsv, type Rgb, scaleRgb, srgb, vary } from '../color.ts'
import { between, chance } from '../draw.ts'
import { hash, noiseTiles, texel } from '../noise.ts'
import { flat } from '../paints.ts'
import { type Point3, Solid } from '../solid.ts'
import type { Stage } from '../stage.ts'

type Normal = readonly [number, number, number]

const FABRICS = [0x7a3b34, 0x3f5468, 0x8b8378, 0x54604a, 0xb39b78, 0x3a3638, 0x9a8f9c, 0x6d2f3f]
const WOODS = [0xa5824f, 0x8a653c, 0xb99a6b, 0x6f5238, 0x9c8f7c]

/** Crates in one or two layers, some of wood, some of coloured plastic. */
export function createCrates(rng: Random, x: number, z: number, size: number): Actor {
  const edge = 0.62 * size
  const crates: { x: number; y: number; z: number; yaw: number; color: Rgb; key: number }[] = []
  const wood = vary(rng, srgb(rng.pick(WOODS)), 0.2)
  const plastic = chance(rng, 0.3)
    ? hsv(rng.uniform(), between(rng, 0.35, 0.7), between(rng, 0.4, 0.75))
    : wood
  const place = (cx: number, y: number, cz: number) => {
    const color = vary(rng, chance(rng, 0.6) ? wood : plastic, 0.15)
    crates.push({ x: cx, y, z: cz, yaw: between(rng, -0.35, 0.35), color, key: rng.integer(0, 1 << 20) })
  }
  const columns = rng.integer(1, 3)
  for (const row of [1, 0]) {
    for (let i = 0; i < columns; i++) place((i - (columns - 1) / 2) * edge * 1.12, 0, row * edge * 1.1)
  }
  const upper = rng.integer(columns > 1 ? 1 : 0, Math.max(1, columns - 1))
  for (let i = 0; i < upper; i++) place((i - (upper - 1) / 2) * edge * 1.1, edge, edge * 0.4)
  return {
    x,
    z,
    halfX: (columns / 2 + 0.1) * edge,
    halfZ: edge,
    height: (upper > 0 ? 2 : 1) * edge,
    draw(stage) {
      for (const crate of crates) {
        const solid = new Solid(stage, UNKNOWN_LABEL, x + crate.x, z + crate.z - edge / 2, crate.yaw)
        const half = edge / 2
        const paint = (n: Normal) => planks(flat(crate.color, solid.lamp, n), crate.key)
        solid.box(-half, half, crate.y, crate.y + edge, -half, half, paint)
      }
    },
  }
}

/** Slats with gaps inside a frame. */
function planks(surface: Paint, key: number): Paint {
  const { grain } = noiseTiles()
  return (u, v, out) => {
    surface(u, v, out)
    const slat = Math.floor(v * 5)
    const framed = u < 0.11 || u > 0.89 || v < 0.09 || v > 0.91 || Math.abs(u - v) < 0.06
    const gap = !framed && v * 5 - slat < 0.16
    const fibre = 0.12 * texel(grain, u * 6 + key, v * 60 + key)
    const tone = framed ? 1.1 + fibre : gap ? 0.22 : 0.72 + 0.22 * hash(slat, key, 5) + fibre
    for (let c = 0; c < 3; c++) out[c] *= tone
  }
}

/** A sofa that faces the camera more or less. */
export function createCouch(rng: Random, x: number, z: number, size: number): Actor {
  const half = between(rng, 0.75, 1.1) * size
  const yaw = between(rng, -0.75, 0.75)
  const color = vary(rng, srgb(rng.pick(FABRICS)), 0.25)
  const cushion = chance(rng, 0.4) ? vary(rng, srgb(rng.pick(FABRICS)), 0.25) : scaleRgb(color, 1.15)
  const shift = rng.integer(0, 255)
  const deep = 0.42 * size
  return {
    x,
    z,
    halfX: half,
    halfZ: deep,
    height: 0.85 * size,
    draw(stage) {
      const solid = new Solid(stage, UNKNOWN_LABEL, x, z, yaw)
      const cloth = (tint: Rgb) => (n: Normal) =>
        flat(tint, solid.lamp, n, { grain: 0.1, blotch: 0.14, frequency: 34, shift })
      const arm = (sign: number) =>
        solid.box(
          sign > 0 ? half - 0.2 * size : -half,
          sign > 0 ? half : -half + 0.2 * size,
          0.08 * size,
          0.6 * size,
          -deep,
          deep,
          cloth(color),
        )
      const nearer = yaw > 0 ? 1 : -1
      const inner = half - 0.2 * size
      solid.frustum(
        0.08 * size,
        [-half, half, deep * 0.35, deep],
        0.86 * size,
        [-half, half, deep * 0.6, deep],
        cloth(color),
      )
      arm(-nearer)
      solid.box(
        -inner,
        inner,
        0.08 * size,
        0.3 * size,
        -deep * 0.92,
        deep * 0.5,
        cloth(scaleRgb(color, 0.85)),
      )
      for (const [left, right] of [
        [-inner, -0.01],
        [0.01, inner],
      ]) {
        solid.box(left, right, 0.3 * size, 0.44 * size, -deep * 0.9, deep * 0.4, cloth(cushion))
      }
      arm(nearer)
    },
  }
}

/** A wardrobe or chest of drawers. */
export function createWardrobe(rng: Random, x: number, z: number, size: number): Actor {
  const half = between(rng, 0.4, 0.75) * size
  const height = between(rng, 0.9, 1.9) * size
  const deep = 0.28 * size
  const yaw = between(rng, -0.8, 0.8)
  const wood = vary(rng, srgb(rng.pick([...WOODS, 0xd0cabd])), 0.25)
  const drawers = chance(rng, 0.5) ? rng.integer(3, 5) : 0
  const shift = rng.integer(0, 255)
  return {
    x,
    z,
    halfX: half,
    halfZ: deep,
    height,
    draw(stage) {
      const solid = new Solid(stage, UNKNOWN_LABEL, x, z, yaw)
      const grain = { grain: 0.12, blotch: 0.16, frequency: 20, shift }
      solid.box(-half, half, 0.06 * size, height, -deep, deep, (n, side) => {
        const surface = flat(wood, solid.lamp, n, grain)
        return side === 'back' ? doors(surface, drawers) : surface
      })
    },
  }
}

/** Joints and knobs of two doors or of some drawers. */
function doors(surface: Paint, drawers: number): Paint {
  return (u, v, out) => {
    surface(u, v, out)
    const local = drawers > 0 ? v * drawers - Math.floor(v * drawers) : v
    const across = Math.abs(u - 0.5)
    const joint =
      drawers > 0 ? local < 0.1 || across > 0.46 : across < 0.015 || across > 0.47 || v < 0.05 || v > 0.95
    const knob =
      drawers > 0
        ? across < 0.08 && Math.abs(local - 0.5) < 0.12
        : across > 0.04 && across < 0.09 && Math.abs(v - 0.5) < 0.04
    const tone = knob ? 1.8 : joint ? 0.45 : 1
    for (let c = 0; c < 3; c++) out[c] *= tone
  }
}

/** A ridge tent, plain or striped. */
export function createTent(rng: Random, x: number, z: number, size: number): Actor {
  const half = between(rng, 0.8, 1.2) * size
  const height = between(rng, 1.1, 1.5) * size
  const deep = between(rng, 0.9, 1.3) * size
  const yaw = between(rng, -1, 1)
  const color = vary(rng, srgb(rng.pick([0xa8652f, 0x4d6b45, 0x3f5f86, 0xb8ab8c, 0x8a3a35])), 0.25)
  const second = chance(rng, 0.4) ? vary(rng, srgb(0xcfc7b5), 0.1) : scaleRgb(color, 0.9)
  const shift = rng.integer(0, 255)
  return {
    x,
    z,
    halfX: half,
    halfZ: deep,
    height,
    draw: (stage) => drawTent(stage, x, z, yaw, half, height, deep, color, second, shift),
  }
}

function drawTent(
  stage: Stage,
  x: number,
  z: number,
  yaw: number,
  half: number,
  height: number,
  deep: number,
  color: Rgb,
  second: Rgb,
  shift: number,
): void {
  const solid = new Solid(stage, UNKNOWN_LABEL, x, z, yaw)
  const grain = { grain: 0.06, blotch: 0.14, frequency: 16, shift }
  const sides = (n: Normal): Paint => {
    const first = flat(color, solid.lamp, n, grain)
    const stripes = flat(second, solid.lamp, n, grain)
    return (u, v, out) => (Math.floor(u * 6) % 2 === 0 ? first(u, v, out) : stripes(u, v, out))
  }
  const ridgeNear: Point3 = [0, height, -deep]
  const ridgeFar: Point3 = [0, height, deep]
  solid.face([ridgeFar, ridgeNear, [-half, 0, -deep], [-half, 0, deep]], sides)
  solid.face([ridgeNear, ridgeFar, [half, 0, deep], [half, 0, -deep]], sides)
  solid.face([ridgeNear, [half, 0, -deep], [-half, 0, -deep]], (n) => flat(color, solid.lamp, n, grain))
  const inside = (n: Normal) => flat(scaleRgb(color, 0.12), solid.lamp, n)
  solid.face(
    [
      [0, height * 0.8, -deep],
      [half * 0.4, 0, -deep],
      [-half * 0.4, 0, -deep],
    ],
    inside,
  )
  solid.face([ridgeFar, [-half, 0, deep], [half, 0, deep]], (n) => flat(color, solid.lamp, n, grain))
}
