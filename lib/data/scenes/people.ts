import type { Random } from '../../random.ts'
import type { Actor } from './actor.ts'
import { Billboard } from './billboard.ts'
import { Known } from './classes.ts'
import { hsv, type Rgb, srgb, vary } from './color.ts'
import { between, chance, eitherSign } from './draw.ts'
import { ball, limb, type Texture } from './paints.ts'
import type { Stage } from './stage.ts'

/** What a person wears and does. Lengths are shares of the body's height. */
interface Figure {
  readonly height: number
  readonly skin: Rgb
  readonly hair: Rgb
  readonly top: Rgb
  readonly legs: Rgb
  readonly shoes: Rgb
  readonly coat: boolean
  readonly bag: 'none' | 'back' | 'hand'
  readonly bagColor: Rgb
  readonly stride: number
  readonly swing: number
  readonly stout: number
  readonly mirror: -1 | 1
  readonly shift: number
}

const SKIN = [0xe0b094, 0xc68e6c, 0x8d5b3e, 0x5c3a28, 0xf0c8ac]
const HAIR = [0x1d1512, 0x3b2618, 0x6b4a2a, 0xb08d57, 0x8a8a88, 0x202020]
const CLOTHES = [
  0x22242a, 0x2e3d5c, 0x51606e, 0x7a2e2e, 0x8d8d86, 0xc9c3b4, 0x3f5a44, 0xb0612f, 0x6d4a78, 0xd9d4cc,
  0x2a5d8f,
]
const TROUSERS = [0x1e1f24, 0x2b3750, 0x3f4a5e, 0x6b6252, 0x8a8272, 0x33302c]

/** A pedestrian, from a child to a tall adult, walking or standing. */
export function createPerson(rng: Random, x: number, z: number): Actor {
  const height = chance(rng, 0.12) ? between(rng, 1.05, 1.4) : between(rng, 1.55, 1.92)
  const clothes = () =>
    vary(rng, chance(rng, 0.15) ? hsv(rng.uniform(), 0.7, 0.75) : srgb(rng.pick(CLOTHES)), 0.25)
  const figure: Figure = {
    height,
    skin: vary(rng, srgb(rng.pick(SKIN)), 0.15),
    hair: vary(rng, srgb(rng.pick(HAIR)), 0.2),
    top: clothes(),
    legs: vary(rng, srgb(rng.pick(TROUSERS)), 0.3),
    shoes: vary(rng, srgb(rng.pick([0x1a1a1a, 0x4a3828, 0xd0d0d0])), 0.2),
    coat: chance(rng, 0.3),
    bag: rng.pick(['none', 'none', 'back', 'hand'] as const),
    bagColor: clothes(),
    stride: chance(rng, 0.75) ? between(rng, 0.05, 0.16) : 0.03,
    swing: between(rng, -0.12, 0.12),
    stout: between(rng, 0.9, 1.25),
    mirror: eitherSign(rng),
    shift: rng.integer(0, 255),
  }
  return { x, z, halfX: 0.3, halfZ: 0.25, height, draw: (stage) => drawPerson(stage, figure, x, z) }
}

function drawPerson(stage: Stage, figure: Figure, x: number, z: number): void {
  const board = new Billboard(stage, Known.person, x, z, figure.mirror)
  const h = figure.height
  const { stride, swing, stout } = figure
  const cloth: Texture = { grain: 0.1, blotch: 0.14, frequency: 14, shift: figure.shift }
  const part = (color: Rgb) => limb(color, board.lamp, cloth)
  const capsule = (x0: number, y0: number, r0: number, x1: number, y1: number, r1: number, color: Rgb) =>
    board.capsule(x0 * h, y0 * h, r0 * h, x1 * h, y1 * h, r1 * h, part(color))
  const arm = (sign: -1 | 1, shoulder: number) => {
    const hand = shoulder + sign * swing + sign * 0.02
    capsule(shoulder, 0.79, 0.031 * stout, (shoulder + hand) / 2 + sign * 0.012, 0.63, 0.026, figure.top)
    capsule((shoulder + hand) / 2 + sign * 0.012, 0.63, 0.026, hand, 0.48, 0.02, figure.top)
    capsule(hand, 0.475, 0.019, hand, 0.455, 0.019, figure.skin)
  }
  if (figure.bag === 'back') capsule(-0.1, 0.77, 0.055, -0.11, 0.63, 0.06, figure.bagColor)
  arm(-1, -0.1 * stout)
  for (const sign of [-1, 1] as const) {
    const foot = sign * stride
    capsule(sign * 0.035, 0.48, 0.052 * stout, foot * 0.75 + sign * 0.02, 0.27, 0.038, figure.legs)
    capsule(foot * 0.75 + sign * 0.02, 0.27, 0.038, foot + sign * 0.02, 0.04, 0.028, figure.legs)
    capsule(foot + sign * 0.02, 0.02, 0.022, foot + sign * 0.02 + 0.05, 0.018, 0.018, figure.shoes)
  }
  if (figure.coat) capsule(0, 0.6, 0.1 * stout, 0, 0.4, 0.105 * stout, figure.top)
  capsule(0, 0.77, 0.09 * stout, 0, 0.53, 0.078 * stout, figure.top)
  arm(1, 0.1 * stout)
  if (figure.bag === 'hand') capsule(0.15 + swing, 0.42, 0.045, 0.15 + swing, 0.36, 0.05, figure.bagColor)
  capsule(0, 0.84, 0.03, 0, 0.88, 0.03, figure.skin)
  board.ellipse(0.008 * h, 0.925 * h, 0.052 * h, 0.07 * h, ball(figure.skin, board.lamp))
  board.ellipse(-0.008 * h, 0.953 * h, 0.056 * h, 0.052 * h, ball(figure.hair, board.lamp, { grain: 0.2 }))
}
