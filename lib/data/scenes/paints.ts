import type { Paint } from './canvas.ts'
import type { Rgb } from './color.ts'
import { type Lamp, shade } from './light.ts'
import { noiseTiles, texel, texture } from './noise.ts'

/** Grain and blotches that a surface carries. */
export interface Texture {
  /** Relative strength of fine grain and of smooth blotches. */
  readonly grain?: number
  readonly blotch?: number
  /** Texels across the unit of the local coordinates. */
  readonly frequency?: number
  /** Offset in the noise tiles, so that two objects do not look alike. */
  readonly shift?: number
}

/** A flat surface with unit normal (nx, ny, nz). */
export function flat(
  color: Rgb,
  lamp: Lamp,
  normal: readonly [number, number, number],
  surface: Texture = {},
): Paint {
  const light = shade(lamp, ...normal)
  return lit([color[0] * light[0], color[1] * light[1], color[2] * light[2]], surface)
}

/** A surface that sends back `radiance` as it is: a lamp, a light, or a colour lit by the caller. */
export function lit(radiance: Rgb, surface: Texture = {}): Paint {
  const { grain = 0, blotch = 0, frequency = 24, shift = 0 } = surface
  if (grain === 0 && blotch === 0) {
    return (_u, _v, out) => {
      out[0] = radiance[0]
      out[1] = radiance[1]
      out[2] = radiance[2]
    }
  }
  const tiles = noiseTiles()
  return (u, v, out) => {
    const x = u * frequency + shift
    const y = v * frequency + shift
    const tone = 1 + grain * texel(tiles.grain, x, y) + blotch * texel(tiles.smooth, x, y)
    out[0] = radiance[0] * tone
    out[1] = radiance[1] * tone
    out[2] = radiance[2] * tone
  }
}

/** A ball: (u, v) of the unit disc, v down. */
export function ball(color: Rgb, lamp: Lamp, surface: Texture = {}): Paint {
  return rounded(color, lamp, surface, (u, v, normal) => {
    normal[0] = u
    normal[1] = -v
    normal[2] = -Math.sqrt(Math.max(0, 1 - u * u - v * v))
  })
}

/** An upright cylinder: u = 0 … 1 from left to right. */
export function column(color: Rgb, lamp: Lamp, surface: Texture = {}): Paint {
  return rounded(color, lamp, surface, (u, _v, normal) => {
    const side = 2 * u - 1
    normal[0] = side
    normal[1] = 0
    normal[2] = -Math.sqrt(Math.max(0, 1 - side * side))
  })
}

/** A limb or post drawn as an upright capsule: v = −1 … 1 across it. */
export function limb(color: Rgb, lamp: Lamp, surface: Texture = {}): Paint {
  return rounded(color, lamp, surface, (_u, v, normal) => {
    normal[0] = 0.9 * v
    normal[1] = 0.25
    normal[2] = -Math.sqrt(Math.max(0.05, 1 - v * v))
  })
}

/** A horizontal round body drawn as a level capsule: v = −1 … 1 down across it. */
export function barrel(color: Rgb, lamp: Lamp, surface: Texture = {}): Paint {
  return rounded(color, lamp, surface, (_u, v, normal) => {
    normal[0] = 0
    normal[1] = -v
    normal[2] = -Math.sqrt(Math.max(0.05, 1 - v * v))
  })
}

/** Two paints in blotches: `share` of the surface, about, shows `second`. */
export function patched(first: Paint, second: Paint, share: number, frequency: number, shift: number): Paint {
  const { smooth } = noiseTiles()
  const level = 0.75 - 1.5 * share
  return (u, v, out) => {
    if (texture(smooth, u * frequency + shift, v * frequency + shift) > level) second(u, v, out)
    else first(u, v, out)
  }
}

/** A round surface: `normal` writes its unit normal (right, up, ahead) at (u, v). */
function rounded(
  color: Rgb,
  lamp: Lamp,
  surface: Texture,
  normal: (u: number, v: number, out: Float64Array) => void,
): Paint {
  const { grain = 0, blotch = 0, frequency = 12, shift = 0 } = surface
  const tiles = noiseTiles()
  const { ambient, sun } = lamp
  const [lx, ly, lz] = lamp.direction
  const n = new Float64Array(3)
  return (u, v, out) => {
    normal(u, v, n)
    const facing = Math.max(0, n[0] * lx + n[1] * ly + n[2] * lz)
    const sky = 0.62 + 0.38 * n[1]
    const x = u * frequency + shift
    const y = v * frequency + shift
    const tone = 1 + grain * texel(tiles.grain, x, y) + blotch * texel(tiles.smooth, x, y)
    for (let c = 0; c < 3; c++) out[c] = color[c] * tone * (ambient[c] * sky + sun[c] * facing)
  }
}
