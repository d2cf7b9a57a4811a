import type { Random } from '../../../random.ts'
import { UNKNOWN_LABEL } from '../../dataset.ts'
import type { Actor } from '../actor.ts'
import { Billboard } from '../billboard.ts'
import type { Paint } from '../canvas.ts'
import { type Rgb, scaleRgb, srgb, vary } from '../color.ts'
import { between, chance, eitherSign } from '../draw.ts'
import { ball, barrel, limb, patched, type Texture } from '../paints.ts'

/** A four-legged animal seen from the side; metres at natural size. */
interface Quadruped {
  /** From chest to rump. */
  readonly length: number
  /** Half height of the trunk, and the height of its middle over the ground. */
  readonly girth: number
  readonly trunkHeight: number
  readonly legRadius: number
  /** From the shoulder to the head's middle. */
  readonly neckX: number
  readonly neckY: number
  readonly neckRadius: number
  readonly head: number
  readonly ears: number
  readonly horns: boolean
  readonly mane: boolean
  readonly woolly: boolean
  readonly tail: number
  readonly coat: Rgb
  readonly second: Rgb
  readonly secondShare: number
  readonly face: Rgb
  readonly legs: Rgb
}

/** A spotted or plain cow. */
export function createCow(rng: Random, x: number, z: number, size: number): Actor {
  const coat = vary(rng, srgb(rng.pick([0xd8d0c4, 0x2a2522, 0x7a4a2c, 0xa5744a])), 0.2)
  const second = vary(rng, srgb(rng.pick([0x1f1c1a, 0xd5cdc0, 0x5a3520])), 0.2)
  const spotted = chance(rng, 0.75)
  return quadruped(rng, x, z, size, {
    length: 1.65,
    girth: 0.4,
    trunkHeight: 1,
    legRadius: 0.09,
    neckX: 0.42,
    neckY: between(rng, -0.15, 0.22),
    neckRadius: 0.21,
    head: 0.27,
    ears: 0.12,
    horns: chance(rng, 0.5),
    mane: false,
    woolly: false,
    tail: 0.7,
    coat,
    second,
    secondShare: spotted ? between(rng, 0.3, 0.6) : 0,
    face: spotted ? second : coat,
    legs: scaleRgb(coat, 0.75),
  })
}

/** A horse with a mane. */
export function createHorse(rng: Random, x: number, z: number, size: number): Actor {
  const coat = vary(rng, srgb(rng.pick([0x6a4028, 0x8a5a36, 0x2c2420, 0xb9b2a6, 0xa88a62])), 0.2)
  return quadruped(rng, x, z, size, {
    length: 1.55,
    girth: 0.34,
    trunkHeight: 1.15,
    legRadius: 0.085,
    neckX: 0.55,
    neckY: between(rng, 0.15, 0.7),
    neckRadius: 0.19,
    head: 0.27,
    ears: 0.09,
    horns: false,
    mane: true,
    woolly: false,
    tail: 0.85,
    coat,
    second: scaleRgb(coat, 0.55),
    secondShare: 0.15,
    face: coat,
    legs: scaleRgb(coat, 0.6),
  })
}

/** A sheep: small, curly, with a dark or light face. */
export function createSheep(rng: Random, x: number, z: number, size: number): Actor {
  const coat = vary(rng, srgb(rng.pick([0xd2c9b4, 0xbfb59f, 0x4b4138])), 0.15)
  const face = vary(rng, srgb(rng.pick([0x2a2624, 0xc9bda8])), 0.15)
  return quadruped(rng, x, z, size, {
    length: 0.95,
    girth: 0.33,
    trunkHeight: 0.66,
    legRadius: 0.045,
    neckX: 0.25,
    neckY: between(rng, -0.05, 0.22),
    neckRadius: 0.15,
    head: 0.16,
    ears: 0.09,
    horns: chance(rng, 0.3),
    mane: false,
    woolly: true,
    tail: 0.15,
    coat,
    second: coat,
    secondShare: 0,
    face,
    legs: face,
  })
}

/** A pig: low and round, with a short snout. */
export function createPig(rng: Random, x: number, z: number, size: number): Actor {
  const coat = vary(rng, srgb(rng.pick([0xd9a596, 0xc08a78, 0x5a4640])), 0.15)
  return quadruped(rng, x, z, size, {
    length: 1.05,
    girth: 0.33,
    trunkHeight: 0.55,
    legRadius: 0.07,
    neckX: 0.2,
    neckY: -0.04,
    neckRadius: 0.24,
    head: 0.21,
    ears: 0.12,
    horns: false,
    mane: false,
    woolly: false,
    tail: 0.2,
    coat,
    second: scaleRgb(coat, 0.45),
    secondShare: chance(rng, 0.4) ? 0.3 : 0,
    face: coat,
    legs: scaleRgb(coat, 0.85),
  })
}

function quadruped(rng: Random, x: number, z: number, size: number, animal: Quadruped): Actor {
  const mirror = eitherSign(rng)
  const shift = rng.integer(0, 255)
  const gait = between(rng, 0.02, 0.16)
  return {
    x,
    z,
    halfX: (animal.length / 2 + 0.2) * size,
    halfZ: 0.35 * size,
    height: (animal.trunkHeight + animal.girth) * size,
    draw(stage) {
      const board = new Billboard(stage, UNKNOWN_LABEL, x, z, mirror)
      drawQuadruped(board, animal, size, shift, gait)
    },
  }
}

function drawQuadruped(board: Billboard, animal: Quadruped, s: number, shift: number, gait: number): void {
  const { lamp } = board
  const hair: Texture = { grain: 0.14, blotch: 0.12, frequency: 20, shift }
  const half = animal.length / 2
  const middle = animal.trunkHeight
  const capsule = (x0: number, y0: number, r0: number, x1: number, y1: number, r1: number, paint: Paint) =>
    board.capsule(x0 * s, y0 * s, r0 * s, x1 * s, y1 * s, r1 * s, paint)
  const leg = (foot: number, step: number, tone: number) => {
    const paint = limb(scaleRgb(animal.legs, tone), lamp, hair)
    const knee = middle * 0.45
    capsule(
      foot,
      middle - animal.girth * 0.3,
      animal.legRadius * 1.7,
      foot + step * 0.6,
      knee,
      animal.legRadius,
      paint,
    )
    capsule(
      foot + step * 0.6,
      knee,
      animal.legRadius,
      foot + step,
      animal.legRadius * 0.7,
      animal.legRadius * 0.75,
      paint,
    )
  }
  leg(half - 0.22, -gait, 0.55)
  leg(-half + 0.2, gait, 0.55)
  const coat = (u: number, turned: boolean): Paint => {
    const make = (color: Rgb) => (turned ? barrel(color, lamp, hair) : limb(color, lamp, hair))
    if (animal.secondShare === 0) return make(animal.coat)
    return patched(make(animal.coat), make(animal.second), animal.secondShare, 34 * u, shift)
  }
  const dark = limb(scaleRgb(animal.legs, 0.8), lamp, hair)
  capsule(
    -half,
    middle + animal.girth * 0.5,
    0.035,
    -half - 0.1,
    middle + animal.girth * 0.5 - animal.tail,
    animal.mane ? 0.07 : 0.03,
    dark,
  )
  const reach = half - animal.girth * 0.85
  capsule(-reach, middle, animal.girth, reach, middle - 0.02, animal.girth * 0.95, coat(1, true))
  if (animal.woolly) drawWool(board, animal, s, shift)
  leg(half - 0.28, gait, 1)
  leg(-half + 0.16, -gait, 1)
  const shoulderY = middle + animal.girth * 0.35
  const headX = half + animal.neckX - 0.1
  const headY = shoulderY + animal.neckY
  capsule(
    half - 0.2,
    shoulderY - 0.08,
    animal.neckRadius * 1.3,
    headX - 0.06,
    headY,
    animal.neckRadius * 0.75,
    coat(0.6, false),
  )
  if (animal.mane) {
    capsule(half - 0.3, shoulderY + 0.14, 0.08, headX - 0.12, headY + 0.16, 0.06, dark)
  }
  const face = limb(animal.face, lamp, hair)
  capsule(
    headX - 0.05,
    headY + 0.05,
    animal.head * 0.55,
    headX + animal.head * 0.9,
    headY - animal.head * 0.55,
    animal.head * 0.33,
    face,
  )
  const ear = (dx: number) =>
    board.ellipse(
      (headX + dx) * s,
      (headY + animal.head * 0.62) * s,
      animal.ears * 0.45 * s,
      animal.ears * s,
      ball(animal.face, lamp),
      dx * 4,
    )
  ear(-0.12)
  ear(0.02)
  if (animal.horns) {
    const horn = limb([0.6, 0.55, 0.42], lamp)
    capsule(
      headX - 0.06,
      headY + animal.head * 0.6,
      0.03,
      headX + 0.06,
      headY + animal.head * 1.15,
      0.015,
      horn,
    )
  }
  board.ellipse(
    (headX + animal.head * 0.25) * s,
    (headY + 0.03) * s,
    0.025 * s,
    0.025 * s,
    ball([0.01, 0.01, 0.01], lamp),
  )
}

/** Curls over the trunk. */
function drawWool(board: Billboard, animal: Quadruped, s: number, shift: number): void {
  const wool = ball(animal.coat, board.lamp, { grain: 0.22, blotch: 0.2, frequency: 7, shift })
  const reach = animal.length / 2 - 0.05
  for (let i = 0; i < 9; i++) {
    const angle = (i / 9) * 2 * Math.PI
    const cx = Math.cos(angle) * (reach - 0.12)
    const cy = animal.trunkHeight + Math.sin(angle) * animal.girth * 0.72
    board.ellipse(cx * s, cy * s, 0.17 * s, 0.14 * s, wool)
  }
  board.ellipse(0, animal.trunkHeight * s, reach * 0.75 * s, animal.girth * 0.8 * s, wool)
}
