import type { Random } from '../../../random.ts'
import type { Paint } from '../canvas.ts'
import { mixRgb, type Rgb, scaleRgb, srgb, vary } from '../color.ts'
import { between, chance } from '../draw.ts'
import { blob, convex, crescent, disc, profile, randomShape, ring, roundedBox, type Shape } from './shapes.ts'
import { randomPalette, randomTexture } from './textures.ts'

/** A part of an object: a shape, moved to (x, y), scaled and turned, with a texture of its own. */
export interface Part {
  readonly shape: Shape
  readonly texture: Paint
  readonly x: number
  readonly y: number
  readonly scaleX: number
  readonly scaleY: number
  readonly turn: number
}

/** Parts, the front one first, within about [−1, 1]², and the height over the width of the whole. */
export interface Recipe {
  readonly parts: readonly Part[]
  readonly aspect: number
}

/** Draws what an object is: abstract shapes, things joined from several parts, solids, things on legs, fruit, kitchenware. */
export function createRecipe(rng: Random): Recipe {
  const draw = rng.uniform()
  if (draw < 0.26) {
    return {
      parts: [part(randomShape(rng), randomTexture(rng))],
      aspect: Math.exp(between(rng, -0.8, 0.8)),
    }
  }
  if (draw < 0.48) return assembly(rng)
  if (draw < 0.64) return block(rng)
  if (draw < 0.76) return legged(rng)
  return draw < 0.87 ? fruit(rng) : kitchenware(rng)
}

function part(shape: Shape, texture: Paint, x = 0, y = 0, scaleX = 1, scaleY = scaleX, turn = 0): Part {
  return { shape, texture, x, y, scaleX, scaleY, turn }
}

/** Two to five shapes that overlap, in colours that go together. */
function assembly(rng: Random): Recipe {
  const palette = randomPalette(rng)
  const shared = chance(rng, 0.4) ? randomTexture(rng, palette) : undefined
  const parts: Part[] = []
  const count = rng.integer(2, 5)
  for (let i = 0; i < count; i++) {
    const size = between(rng, 0.25, 0.7)
    const [x, y] = [between(rng, -0.55, 0.55), between(rng, -0.55, 0.55)]
    const texture = shared ?? randomTexture(rng, chance(rng, 0.7) ? palette : randomPalette(rng))
    parts.push(
      part(randomShape(rng), texture, x, y, size, size * between(rng, 0.4, 1.4), between(rng, 0, Math.PI)),
    )
  }
  parts.push(part(blob(rng), shared ?? randomTexture(rng, palette), 0, 0, 0.7, 0.6))
  return { parts, aspect: Math.exp(between(rng, -0.6, 0.6)) }
}

/** A texture under more or less light. */
function toned(texture: Paint, factor: number): Paint {
  return (u, v, out) => {
    texture(u, v, out)
    for (let c = 0; c < 3; c++) out[c] *= factor
  }
}

/** A block seen from above one of its edges, or a cone or pyramid. */
function block(rng: Random): Recipe {
  const texture = randomTexture(rng)
  const [bright, dark] = [between(rng, 1, 1.5), between(rng, 0.35, 0.9)]
  const edge = between(rng, -0.7, 0.7)
  const top = between(rng, -0.85, -0.2)
  const foot = between(rng, 0.5, 0.95)
  const aspect = Math.exp(between(rng, -0.7, 0.5))
  if (chance(rng, 0.3)) {
    const left = convex([
      [edge * 0.5, -1],
      [edge, 1],
      [-1, foot],
    ])
    const right = convex([
      [edge * 0.5, -1],
      [1, foot],
      [edge, 1],
    ])
    return { parts: [part(left, texture), part(right, toned(texture, dark))], aspect }
  }
  const lid = chance(rng, 0.3) ? randomTexture(rng) : texture
  const faces = [
    part(
      convex([
        [-1, top],
        [edge * -0.4, -1],
        [1, top * 0.9],
        [edge, top + 0.25],
      ]),
      toned(lid, bright),
    ),
    part(
      convex([
        [-1, top],
        [edge, top + 0.25],
        [edge, 1],
        [-1, foot],
      ]),
      texture,
    ),
    part(
      convex([
        [edge, top + 0.25],
        [1, top * 0.9],
        [1, foot * 0.95],
        [edge, 1],
      ]),
      toned(texture, dark),
    ),
  ]
  return { parts: faces, aspect }
}

/** A body on two to five legs: a stool, a table, a trolley, or nothing in particular. */
function legged(rng: Random): Recipe {
  const palette = randomPalette(rng)
  const body = randomTexture(rng, palette)
  const leg = randomTexture(rng, chance(rng, 0.6) ? palette : randomPalette(rng))
  const height = between(rng, 0.15, 0.6)
  const shape = chance(rng, 0.5) ? roundedBox(1, between(rng, 0, 0.9)) : randomShape(rng)
  const parts = [part(shape, body, 0, -1 + height, 1, height)]
  const count = rng.integer(2, 5)
  const thick = between(rng, 0.05, 0.16)
  const splay = between(rng, -0.2, 0.2)
  for (let i = 0; i < count; i++) {
    const x = ((i + 0.5) / count) * 1.7 - 0.85
    const reach = (1 - height * 1.5) / 2
    parts.push(
      part(
        roundedBox(1, 0.1),
        leg,
        x,
        height * 0.6 + reach * 0.8 - 0.25,
        thick,
        0.75 - height * 0.5,
        splay * x,
      ),
    )
  }
  return { parts, aspect: Math.exp(between(rng, -0.6, 0.6)) }
}

const FRUITS: readonly { readonly colors: readonly number[]; readonly long: boolean }[] = [
  { colors: [0xb3262c, 0x9ab03a, 0xd0a040], long: false },
  { colors: [0xd98a2a, 0xe0a040], long: false },
  { colors: [0xd8c24a, 0xb0a03a], long: true },
  { colors: [0x5a2f5a, 0x3f2a4a, 0x7fa050], long: false },
  { colors: [0x4f7a3a, 0x6f9a4a, 0x2f5a2f], long: true },
]

function fruit(rng: Random): Recipe {
  const kind = rng.pick(FRUITS)
  const base = vary(rng, srgb(rng.pick(kind.colors)), 0.3)
  const skin = [base, scaleRgb(base, between(rng, 0.6, 0.9)), mixRgb(base, [0.6, 0.5, 0.2], 0.3)]
  const stalk = part(
    roundedBox(1, 0.2),
    randomTexture(rng, [srgb(0x4a3a22)]),
    0,
    -0.85,
    0.06,
    0.16,
    between(rng, -0.4, 0.4),
  )
  const leaf = part(
    disc,
    randomTexture(rng, [srgb(0x4a6a2a)]),
    0.22,
    -0.85,
    0.2,
    0.09,
    between(rng, -0.5, 0.5),
  )
  if (kind.long) {
    const shape = chance(rng, 0.5) ? crescent(between(rng, 0.35, 0.55), 0.95) : disc
    return {
      parts: [part(shape, randomTexture(rng, skin), 0, 0, 1, 1, between(rng, 0, Math.PI))],
      aspect: between(rng, 0.4, 0.9),
    }
  }
  if (chance(rng, 0.35)) {
    const grape = randomTexture(rng, skin)
    const parts = Array.from({ length: 14 }, () => {
      const y = between(rng, -0.7, 0.75)
      return part(disc, grape, between(rng, -0.6, 0.6) * (0.9 - 0.6 * y) * 0.8, y, between(rng, 0.17, 0.24))
    })
    return { parts: [...parts, stalk], aspect: between(rng, 0.9, 1.5) }
  }
  const body = chance(rng, 0.4) ? profile((y) => Math.sqrt(1 - y * y) * (0.72 + 0.25 * y)) : disc
  return {
    parts: [part(body, randomTexture(rng, skin), 0, 0.08, 0.9), stalk, leaf],
    aspect: between(rng, 0.85, 1.2),
  }
}

function kitchenware(rng: Random): Recipe {
  const palette = chance(rng, 0.5) ? randomPalette(rng) : metalOrChina(rng)
  const texture = randomTexture(rng, palette)
  const dark = randomTexture(rng, [scaleRgb(palette[0], 0.3)])
  switch (rng.pick(['cup', 'bottle', 'plate', 'pan', 'kettle', 'spoon'] as const)) {
    case 'cup': {
      const foot = between(rng, 0.55, 0.9)
      const wall = profile((y) => foot + (1 - foot) * (0.5 - 0.5 * y))
      const parts = [part(disc, dark, -0.1, -0.75, 0.6, 0.13), part(wall, texture, -0.1, 0, 0.62, 0.85)]
      return {
        parts: [...parts, part(ring(0.6), texture, 0.6, 0, 0.36, 0.45)],
        aspect: between(rng, 0.7, 1.2),
      }
    }
    case 'bottle': {
      const neck = between(rng, 0.25, 0.45)
      const shape = profile((y) => (y < -0.45 ? neck : Math.min(0.95, neck + (y + 0.45) * 1.8)))
      const label = part(roundedBox(1, 0), randomTexture(rng), 0, 0.45, 0.92, 0.25)
      return { parts: [label, part(shape, texture)], aspect: between(rng, 2, 3.2) }
    }
    case 'plate':
      return {
        parts: [part(disc, randomTexture(rng, palette), 0, 0, 0.62), part(disc, texture)],
        aspect: between(rng, 0.3, 1),
      }
    case 'pan': {
      const handle = part(roundedBox(1, 0.8), dark, 0.7, 0, 0.35, 0.09)
      return {
        parts: [part(disc, dark, -0.3, 0, 0.5, 0.75), handle, part(disc, texture, -0.3, 0, 0.65, 0.95)],
        aspect: between(rng, 0.4, 0.8),
      }
    }
    case 'kettle': {
      const spout = part(roundedBox(1, 0.5), texture, 0.72, -0.1, 0.3, 0.1, -0.8)
      const grip = part(ring(0.75), dark, -0.05, -0.5, 0.45, 0.5)
      const lid = part(disc, dark, -0.05, -0.42, 0.1)
      return {
        parts: [lid, part(disc, texture, -0.05, 0.3, 0.72, 0.7), spout, grip],
        aspect: between(rng, 0.8, 1.2),
      }
    }
    case 'spoon': {
      const handle = part(roundedBox(1, 0.9), texture, 0.3, 0, 0.68, 0.16)
      return {
        parts: [part(disc, dark, -0.62, 0, 0.26, 0.6), part(disc, texture, -0.62, 0, 0.36, 0.9), handle],
        aspect: between(rng, 0.2, 0.4),
      }
    }
  }
}

function metalOrChina(rng: Random): Rgb[] {
  const base = vary(rng, srgb(rng.pick([0xd8d6d0, 0x8a8c90, 0x3a3a3c, 0xb08a5a])), 0.25)
  return [base, scaleRgb(base, 0.8), mixRgb(base, [0.8, 0.8, 0.8], 0.3)]
}
