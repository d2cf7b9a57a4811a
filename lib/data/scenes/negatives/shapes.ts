import type { Random } from '../../../random.ts'
import { between, chance } from '../draw.ts'
import { noiseTiles, texture } from '../noise.ts'

/** True where (x, y), y down, lies inside; a shape fills about [−1, 1]². */
export type Shape = (x: number, y: number) => boolean

/** The unit disc. */
export const disc: Shape = (x, y) => x * x + y * y < 1

/** A rounded rectangle with half sides 1 and `height`; `corner` is the radius of its corners. */
export function roundedBox(height: number, corner: number): Shape {
  const r = Math.min(corner, height, 1)
  return (x, y) => {
    const dx = Math.max(Math.abs(x) - (1 - r), 0)
    const dy = Math.max(Math.abs(y) - (height - r), 0)
    return Math.abs(x) < 1 && Math.abs(y) < height && dx * dx + dy * dy < r * r + 1e-9
  }
}

/** A disc with a hole of the given radius. */
export function ring(hole: number): Shape {
  return (x, y) => {
    const r = x * x + y * y
    return r < 1 && r > hole * hole
  }
}

/** A closed curve around the origin: mean radius 0.75 with a few random waves. */
export function blob(rng: Random): Shape {
  const waves = Array.from({ length: 4 }, (_, k) => ({
    amplitude: between(rng, 0, 0.34) / (k + 1),
    phase: between(rng, 0, 2 * Math.PI),
  }))
  return (x, y) => {
    const angle = Math.atan2(y, x)
    let radius = 0.75
    for (let k = 0; k < waves.length; k++)
      radius += waves[k].amplitude * Math.cos((k + 2) * angle + waves[k].phase)
    return x * x + y * y < radius * radius && radius > 0
  }
}

/** A star or gear with `points` points; `depth` 0 is a disc. */
function star(points: number, depth: number, square: boolean): Shape {
  return (x, y) => {
    const wave = Math.cos(points * Math.atan2(y, x))
    const radius = 1 - depth * (square ? (wave > 0 ? 0 : 1) : 0.5 - 0.5 * wave)
    return x * x + y * y < radius * radius
  }
}

/** A convex polygon with corners on the unit circle. */
function polygon(rng: Random, corners: number): Shape {
  const turn = between(rng, 0, 2 * Math.PI)
  const angles = Array.from(
    { length: corners },
    (_, i) => turn + ((i + between(rng, -0.3, 0.3)) / corners) * 2 * Math.PI,
  )
  return convex(angles.map((a) => [Math.cos(a), Math.sin(a)]))
}

/** A convex polygon; corners run clockwise (y down). */
export function convex(points: readonly (readonly [number, number])[]): Shape {
  return (x, y) =>
    points.every(([ax, ay], i) => {
      const [bx, by] = points[(i + 1) % points.length]
      return (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    })
}

/** A crescent, as a banana: the disc less a shifted one. */
export function crescent(shift: number, radius: number): Shape {
  return (x, y) => x * x + y * y < 1 && x * x + (y + shift) * (y + shift) > radius * radius
}

/** A body of revolution standing upright: `profile` gives its half width at y = −1 (top) … 1. */
export function profile(halfWidth: (y: number) => number): Shape {
  return (x, y) => Math.abs(y) < 1 && Math.abs(x) < halfWidth(y)
}

/** Where smooth noise is high: islands of any form, within the unit disc. */
function islands(rng: Random): Shape {
  const { smooth } = noiseTiles()
  const [dx, dy] = [between(rng, 0, 255), between(rng, 0, 255)]
  const frequency = between(rng, 12, 40)
  return (x, y) => 0.9 * texture(smooth, x * frequency + dx, y * frequency + dy) + 0.75 - (x * x + y * y) > 0
}

/** Any shape of the above with random parameters. */
export function randomShape(rng: Random): Shape {
  switch (rng.integer(0, 9)) {
    case 0:
      return disc
    case 1:
      return roundedBox(between(rng, 0.3, 1), between(rng, 0, 0.6))
    case 2:
      return ring(between(rng, 0.3, 0.7))
    case 3:
    case 4:
      return blob(rng)
    case 5:
      return star(rng.integer(3, 11), between(rng, 0.15, 0.6), chance(rng, 0.3))
    case 6:
      return polygon(rng, rng.integer(3, 7))
    case 7:
      return crescent(between(rng, 0.3, 0.7), between(rng, 0.75, 1))
    case 8:
      return islands(rng)
    default: {
      const waist = between(rng, 0.2, 0.9)
      const waves = between(rng, 1, 5)
      return profile((y) => waist + (1 - waist) * (0.5 + 0.5 * Math.cos(y * waves)))
    }
  }
}
