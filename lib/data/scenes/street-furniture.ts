import type { Random } from '../../random.ts'
import type { Actor } from './actor.ts'
import { Billboard } from './billboard.ts'
import { Known } from './classes.ts'
import { type Rgb, scaleRgb, srgb, vary } from './color.ts'
import { between, chance } from './draw.ts'
import type { Lamp } from './light.ts'
import { flat, limb, lit } from './paints.ts'
import type { Stage } from './stage.ts'

const METAL = [0x6a6e70, 0x8c8f90, 0x3e4a40, 0x4a4a4c, 0x9a968c]
const RED = 0xb3202a
const BLUE = 0x1f4f9a
const WHITE = 0xe8e8e4
const YELLOW = 0xe0b020

function pole(x: number, z: number, height: number, draw: (stage: Stage) => void): Actor {
  return { x, z, halfX: 0.12, halfZ: 0.12, height, draw }
}

/** A street lamp with an arm that reaches over the road; `towards` is the road's side. */
export function createLampPost(rng: Random, x: number, z: number, towards: -1 | 1): Actor {
  const height = between(rng, 4.5, 8)
  const metal = vary(rng, srgb(rng.pick(METAL)), 0.25)
  const radius = between(rng, 0.11, 0.17)
  const arm = chance(rng, 0.65) ? between(rng, 0.8, 1.8) : 0
  return pole(x, z, height, (stage) => {
    const board = new Billboard(stage, Known.pole, x, z, towards)
    const paint = limb(metal, board.lamp, { grain: 0.08, frequency: 40 })
    board.capsule(0, 0, radius, 0, height, radius * 0.75, paint)
    board.box(-radius * 1.5, 0, radius * 1.5, 0.7, paintFront(metal, board.lamp))
    if (arm > 0) board.capsule(0, height, radius * 0.7, arm, height + 0.35, radius * 0.6, paint)
    const glow: Rgb = stage.light.litWindows > 0.1 ? [2.4, 1.9, 1.1] : scaleRgb(board.lamp.ambient, 0.75)
    board.capsule(arm - 0.2, height + 0.3, 0.12, arm + 0.35, height + 0.3, 0.1, lit(glow))
  })
}

/** A traffic sign of a random kind on its post. */
export function createSign(rng: Random, x: number, z: number): Actor {
  const height = between(rng, 2.1, 2.9)
  const metal = vary(rng, srgb(rng.pick([0x8c8f90, 0x6a6e70])), 0.2)
  const size = between(rng, 0.42, 0.6)
  const kind = rng.pick(['stop', 'ban', 'limit', 'warning', 'mandatory', 'information', 'yield'] as const)
  const second = chance(rng, 0.3)
  return pole(x, z, height, (stage) => {
    const post = new Billboard(stage, Known.pole, x, z)
    post.capsule(0, 0, 0.06, 0, height + 0.1, 0.06, limb(metal, post.lamp))
    const board = new Billboard(stage, Known.sign, x, z - 0.02)
    drawPlate(board, kind, height, size)
    if (second)
      board.box(
        -size * 0.8,
        height - 1.7 * size,
        size * 0.8,
        height - 1.15 * size,
        paintFront(srgb(WHITE), board.lamp),
      )
  })
}

type SignKind = 'stop' | 'ban' | 'limit' | 'warning' | 'mandatory' | 'information' | 'yield'

function drawPlate(board: Billboard, kind: SignKind, y: number, size: number): void {
  const paint = (hex: number) => paintFront(srgb(hex), board.lamp)
  const polygon = (sides: number, turn: number, radius: number, hex: number) => {
    const points: number[] = []
    for (let i = 0; i < sides; i++) {
      const angle = turn + (2 * Math.PI * i) / sides
      points.push(Math.sin(angle) * radius, y + Math.cos(angle) * radius)
    }
    board.polygon(points, paint(hex))
  }
  switch (kind) {
    case 'stop':
      polygon(8, Math.PI / 8, size, RED)
      board.box(-size * 0.65, y - size * 0.16, size * 0.65, y + size * 0.16, paint(WHITE))
      break
    case 'ban':
      polygon(20, 0, size, RED)
      board.box(-size * 0.65, y - size * 0.15, size * 0.65, y + size * 0.15, paint(WHITE))
      break
    case 'limit':
      polygon(20, 0, size, RED)
      polygon(20, 0, size * 0.76, WHITE)
      board.box(-size * 0.4, y - size * 0.3, -size * 0.06, y + size * 0.3, paint(0x202020))
      board.box(size * 0.08, y - size * 0.3, size * 0.4, y + size * 0.3, paint(0x202020))
      break
    case 'warning':
      polygon(3, 0, size * 1.1, RED)
      polygon(3, 0, size * 0.74, WHITE)
      board.box(-size * 0.07, y - size * 0.2, size * 0.07, y + size * 0.35, paint(0x202020))
      break
    case 'yield':
      polygon(3, Math.PI, size * 1.1, RED)
      polygon(3, Math.PI, size * 0.66, WHITE)
      break
    case 'mandatory':
      polygon(20, 0, size, BLUE)
      board.polygon(
        [
          -size * 0.4,
          y,
          0,
          y + size * 0.55,
          size * 0.4,
          y,
          size * 0.12,
          y,
          size * 0.12,
          y - size * 0.5,
          -size * 0.12,
          y - size * 0.5,
          -size * 0.12,
          y,
        ],
        paint(WHITE),
      )
      break
    case 'information':
      board.box(-size, y - size, size, y + size, paint(BLUE))
      board.box(-size * 0.5, y - size * 0.6, -size * 0.2, y + size * 0.6, paint(WHITE))
      board.ellipse(-size * 0.1, y + size * 0.25, size * 0.45, size * 0.36, paint(WHITE))
      break
  }
}

/** A guide board with arrows over two posts, beside the road. */
export function createGuideBoard(rng: Random, x: number, z: number): Actor {
  const width = between(rng, 1.5, 2.6)
  const bottom = between(rng, 2, 2.8)
  const top = bottom + between(rng, 0.8, 1.5)
  const ground = srgb(rng.pick([BLUE, 0x1f6b3f, YELLOW, WHITE]))
  const ink = ground[0] + ground[1] > 0.9 ? srgb(0x202020) : srgb(WHITE)
  const lines = rng.integer(2, 3)
  return pole(x, z, top, (stage) => {
    const posts = new Billboard(stage, Known.pole, x, z)
    for (const side of [-1, 1]) {
      posts.capsule(
        side * width * 0.35,
        0,
        0.07,
        side * width * 0.35,
        top,
        0.07,
        limb(srgb(0x7a7d7e), posts.lamp),
      )
    }
    const board = new Billboard(stage, Known.sign, x, z - 0.02)
    board.box(-width / 2, bottom, width / 2, top, paintFront(ink, board.lamp))
    board.box(-width / 2 + 0.05, bottom + 0.05, width / 2 - 0.05, top - 0.05, paintFront(ground, board.lamp))
    const pitch = (top - bottom) / lines
    for (let i = 0; i < lines; i++) {
      const y = bottom + (i + 0.35) * pitch
      board.box(-width * 0.4, y, width * (0.1 + 0.1 * i), y + pitch * 0.3, paintFront(ink, board.lamp))
      board.polygon(
        [width * 0.28, y, width * 0.28, y + pitch * 0.4, width * 0.42, y + pitch * 0.2],
        paintFront(ink, board.lamp),
      )
    }
  })
}

/** A traffic light on its pole. */
export function createTrafficLight(rng: Random, x: number, z: number): Actor {
  const height = between(rng, 2.9, 3.6)
  const metal = vary(rng, srgb(0x4a4e50), 0.3)
  const state = rng.integer(0, 2)
  const colours: readonly Rgb[] = [
    [1.8, 0.1, 0.06],
    [1.7, 0.9, 0.05],
    [0.1, 1.5, 0.7],
  ]
  return pole(x, z, height, (stage) => {
    const post = new Billboard(stage, Known.pole, x, z)
    post.capsule(0, 0, 0.1, 0, height - 0.4, 0.1, limb(metal, post.lamp))
    const board = new Billboard(stage, Known.sign, x, z - 0.02)
    board.box(-0.26, height - 1, 0.26, height + 0.1, paintFront([0.02, 0.025, 0.02], board.lamp))
    for (let i = 0; i < 3; i++) {
      board.ellipse(
        0,
        height - 0.12 - 0.33 * i,
        0.12,
        0.12,
        lit(i === state ? colours[i] : scaleRgb(colours[i], 0.05)),
      )
    }
  })
}

/** A short post that keeps cars off the pavement. */
export function createBollard(rng: Random, x: number, z: number, color: Rgb): Actor {
  const height = between(rng, 0.85, 1.1)
  return pole(x, z, height, (stage) => {
    const board = new Billboard(stage, Known.pole, x, z)
    board.capsule(0, 0, 0.09, 0, height, 0.09, limb(color, board.lamp))
    board.box(-0.09, height - 0.25, 0.09, height - 0.12, paintFront(srgb(WHITE), board.lamp))
  })
}

function paintFront(color: Rgb, lamp: Lamp) {
  return flat(color, lamp, [0, 0.1, -0.995])
}
