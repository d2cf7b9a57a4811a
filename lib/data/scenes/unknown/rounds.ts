import type { Random } from '../../../random.ts'
import { UNKNOWN_LABEL } from '../../dataset.ts'
import type { Actor } from '../actor.ts'
import { Billboard } from '../billboard.ts'
import type { Paint } from '../canvas.ts'
import { hsv, type Rgb, scaleRgb, srgb, vary } from '../color.ts'
import { between, chance, eitherSign } from '../draw.ts'
import { noiseTiles, texel } from '../noise.ts'
import { ball, barrel, column, flat, limb } from '../paints.ts'

const HULLS = [0xd6d3ca, 0x8e3a32, 0x34567a, 0x6f5a3f, 0x3f6a58, 0x23303f]

/** A giant ball with coloured panels. */
export function createBall(rng: Random, x: number, z: number, size: number): Actor {
  const radius = 0.55 * size
  const tone = () =>
    chance(rng, 0.5)
      ? hsv(rng.uniform(), between(rng, 0.3, 0.75), between(rng, 0.35, 0.85))
      : vary(rng, [0.45, 0.44, 0.42], 0.5)
  const colors = [tone(), tone(), chance(rng, 0.5) ? tone() : srgb(0xe0ddd4)]
  const panels = rng.integer(4, 9)
  const tilt = between(rng, 0, Math.PI)
  const nod = between(rng, -1, 1)
  const shift = rng.integer(0, 255)
  return {
    x,
    z,
    halfX: radius,
    halfZ: radius,
    height: 2 * radius,
    draw(stage) {
      const board = new Billboard(stage, UNKNOWN_LABEL, x, z)
      const shades = colors.map((color) =>
        ball(color, board.lamp, { grain: 0.05, blotch: 0.06, frequency: 30, shift }),
      )
      const [cosT, sinT, cosN, sinN] = [Math.cos(tilt), Math.sin(tilt), Math.cos(nod), Math.sin(nod)]
      board.ellipse(0, radius, radius, radius, (u, v, out) => {
        const across = u * cosT + v * sinT
        const up = v * cosT - u * sinT
        const ahead = Math.sqrt(Math.max(0, 1 - u * u - v * v))
        const pole = up * cosN + ahead * sinN
        const turn = Math.atan2(across, ahead * cosN - up * sinN)
        const panel = Math.abs(pole) > 0.93 ? 2 : Math.floor((turn / (2 * Math.PI) + 0.5) * panels) % 2
        shades[panel](u, v, out)
      })
    },
  }
}

/** Piles of tyres, one or two of them leaning in front. */
export function createTyres(rng: Random, x: number, z: number, size: number): Actor {
  const radius = 0.36 * size
  const thick = 0.1 * size
  const piles = Array.from({ length: rng.integer(2, 4) }, (_, i) => ({
    x: i * radius * 2.02,
    count: rng.integer(2, 6),
    shift: rng.integer(0, 255),
  }))
  const middle = ((piles.length - 1) * radius * 2.02) / 2
  const rubber = vary(rng, [0.035, 0.035, 0.037], 0.45)
  const leaning = rng.integer(0, 2)
  const places = Array.from({ length: leaning }, () => between(rng, -middle - radius * 0.5, middle))
  return {
    x,
    z,
    halfX: middle + radius,
    halfZ: radius,
    height: 2 * thick * Math.max(...piles.map((pile) => pile.count)),
    draw(stage) {
      const board = new Billboard(stage, UNKNOWN_LABEL, x, z)
      for (const pile of piles) {
        for (let i = 0; i < pile.count; i++) {
          const y = thick * (2 * i + 1)
          const wobble = 0.05 * radius * texel(noiseTiles().grain, pile.shift + 3 * i, 9)
          const left = pile.x - middle - radius + thick + wobble
          board.capsule(
            left,
            y,
            thick,
            left + 2 * (radius - thick),
            y,
            thick,
            tread(rubber, board, pile.shift),
          )
        }
        const top = thick * 2 * pile.count
        board.ellipse(
          pile.x - middle,
          top,
          radius * 0.92,
          thick * 0.75,
          flat(scaleRgb(rubber, 1.5), board.lamp, [0, 1, 0]),
        )
        board.ellipse(
          pile.x - middle,
          top,
          radius * 0.5,
          thick * 0.4,
          flat(scaleRgb(rubber, 0.25), board.lamp, [0, 1, 0]),
        )
      }
      for (const place of places) {
        const lean = new Billboard(stage, UNKNOWN_LABEL, x, z - radius * 0.8)
        lean.ellipse(place, radius, radius, radius, rings(rubber, board))
      }
    },
  }
}

function tread(rubber: Rgb, board: Billboard, shift: number): Paint {
  const surface = barrel(rubber, board.lamp, { grain: 0.2, frequency: 20, shift })
  return (u, v, out) => {
    surface(u, v, out)
    if (Math.abs(v) < 0.7 && (Math.floor(u * 22) + (v > 0 ? 1 : 0)) % 2 === 0)
      for (let c = 0; c < 3; c++) out[c] *= 0.55
  }
}

/** A tyre seen from the front: tread, side wall, rim hole. */
function rings(rubber: Rgb, board: Billboard): Paint {
  const wall = flat(scaleRgb(rubber, 1.25), board.lamp, [0, 0.3, -0.95])
  return (u, v, out) => {
    wall(u, v, out)
    const r = Math.hypot(u, v)
    const tone = r < 0.5 ? 0.25 : r < 0.56 ? 1.8 : r > 0.88 ? 0.6 : 1
    for (let c = 0; c < 3; c++) out[c] *= tone
  }
}

/** A rowing or fishing boat on dry land, seen from the side. */
export function createBoat(rng: Random, x: number, z: number, size: number): Actor {
  const half = between(rng, 1.4, 2) * size
  const side = between(rng, 0.6, 0.85) * size
  const hull = vary(rng, srgb(rng.pick(HULLS)), 0.2)
  const keel = vary(rng, srgb(rng.pick([0x7a2b26, 0x2c2f36, 0x3c5f4a])), 0.2)
  const cabin = chance(rng, 0.55)
  const mirror = eitherSign(rng)
  const shift = rng.integer(0, 255)
  return {
    x,
    z,
    halfX: half,
    halfZ: 0.6 * size,
    height: (cabin ? 1.9 : 1.2) * side,
    draw(stage) {
      const board = new Billboard(stage, UNKNOWN_LABEL, x, z, mirror)
      const wet = { grain: 0.06, blotch: 0.16, frequency: 30, shift }
      const front = [0.1, -0.25, -0.96] as const
      const sheer = (t: number) => side * (0.95 + 0.32 * t * t + 0.12 * t)
      if (cabin) {
        const house = flat(srgb(0xd8d4c8), board.lamp, [0, 0, -1], wet)
        board.polygon(
          [
            -half * 0.55,
            side * 0.8,
            half * 0.2,
            side * 0.8,
            half * 0.08,
            side * 1.9,
            -half * 0.5,
            side * 1.9,
          ],
          house,
        )
        const pane = flat([0.03, 0.04, 0.05], board.lamp, [0, 0, -1])
        board.box(-half * 0.44, side * 1.35, -half * 0.22, side * 1.72, pane)
        board.box(-half * 0.16, side * 1.35, half * 0.03, side * 1.72, pane)
      }
      const outline = (low: number, high: number) => {
        const points: number[] = []
        const edge = (t: number, share: number) => {
          const reach = half * (0.72 + 0.28 * share)
          points.push(t < 0 ? t * half * (0.86 + 0.1 * share) : t * reach, share * sheer(t))
        }
        for (let t = -1; t <= 1.001; t += 0.1) edge(t, high)
        for (let t = 1; t >= -1.001; t -= 0.1) edge(t, low)
        return points
      }
      board.polygon(outline(0, 0.45), flat(keel, board.lamp, front, wet))
      board.polygon(outline(0.42, 1), flat(hull, board.lamp, front, wet))
      board.polygon(outline(0.86, 1), flat(scaleRgb(keel, 1.3), board.lamp, front, wet))
    },
  }
}

/** A round bale of hay, its end towards the camera or its side. */
export function createHayBale(rng: Random, x: number, z: number, size: number): Actor {
  const radius = 0.62 * size
  const straw = vary(rng, srgb(rng.pick([0xb29a58, 0x9c8a56, 0xc2a864])), 0.2)
  const endOn = chance(rng, 0.5)
  const half = endOn ? radius : 0.65 * size
  const shift = rng.integer(0, 255)
  return {
    x,
    z,
    halfX: half,
    halfZ: endOn ? 0.6 * size : radius,
    height: 2 * radius,
    draw(stage) {
      const board = new Billboard(stage, UNKNOWN_LABEL, x, z)
      const { grain } = noiseTiles()
      if (endOn) {
        const end = flat(straw, board.lamp, [0, 0.1, -0.99])
        board.ellipse(0, radius, radius, radius, (u, v, out) => {
          end(u, v, out)
          const r = Math.hypot(u, v)
          const turn = r * 9 + Math.atan2(v, u) / 6.28
          const tone =
            0.85 +
            0.25 * texel(grain, turn * 2 + shift, Math.atan2(v, u) * 14) -
            (turn - Math.floor(turn) < 0.3 ? 0.2 : 0)
          for (let c = 0; c < 3; c++) out[c] *= tone
        })
        return
      }
      board.box(-half, 0, half, 2 * radius, (u, v, out) => {
        const y = 1 - 2 * v
        barrelShade(straw, board, y, out)
        const tone = 0.9 + 0.3 * texel(grain, u * 14 + shift, v * 70 + shift)
        for (let c = 0; c < 3; c++) out[c] *= tone
      })
    },
  }
}

function barrelShade(color: Rgb, board: Billboard, y: number, out: Float32Array): void {
  barrel(color, board.lamp)(0, -y * 0.98, out)
}

/** One to four barrels of sheet metal or wood. */
export function createBarrels(rng: Random, x: number, z: number, size: number): Actor {
  const radius = 0.29 * size
  const height = 0.9 * size
  const count = rng.integer(1, 4)
  const base = vary(rng, srgb(rng.pick([0x2f5f8a, 0x8a2f2a, 0x4a6a3a, 0x7a5a38, 0x9a9a96, 0xb08a2a])), 0.2)
  const barrels = Array.from({ length: count }, (_, i) => ({
    x: (i - (count - 1) / 2) * radius * 2.1,
    dz: between(rng, 0, 0.5) * size,
    color: vary(rng, base, 0.25),
    shift: rng.integer(0, 255),
  })).sort((a, b) => b.dz - a.dz)
  return {
    x,
    z,
    halfX: count * radius * 1.05,
    halfZ: radius + 0.25 * size,
    height,
    draw(stage) {
      for (const one of barrels) {
        const board = new Billboard(stage, UNKNOWN_LABEL, x + one.x, z + one.dz)
        const surface = column(one.color, board.lamp, {
          grain: 0.06,
          blotch: 0.2,
          frequency: 20,
          shift: one.shift,
        })
        board.ellipse(
          0,
          radius * 0.15,
          radius,
          radius * 0.15,
          flat(scaleRgb(one.color, 0.5), board.lamp, [0, 0, -1]),
        )
        board.box(-radius, radius * 0.15, radius, height, (u, v, out) => {
          surface(u, v, out)
          const rib = Math.abs(v - 0.33) < 0.03 || Math.abs(v - 0.66) < 0.03 || v < 0.03
          if (rib) for (let c = 0; c < 3; c++) out[c] *= 1.4
        })
        board.ellipse(0, height, radius, radius * 0.15, flat(scaleRgb(one.color, 0.7), board.lamp, [0, 1, 0]))
        board.capsule(
          radius * 0.4,
          height,
          0.03,
          radius * 0.45,
          height,
          0.03,
          limb(scaleRgb(one.color, 0.3), board.lamp),
        )
      }
    },
  }
}
