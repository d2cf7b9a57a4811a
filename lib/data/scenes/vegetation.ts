import type { Random } from '../../random.ts'
import type { Actor } from './actor.ts'
import { Billboard } from './billboard.ts'
import { columnOf, rowOf } from './camera.ts'
import { Known } from './classes.ts'
import { mixRgb, type Rgb, srgb, vary } from './color.ts'
import { between, chance } from './draw.ts'
import { hazeAt, shade } from './light.ts'
import { TILE } from './noise.ts'
import { limb } from './paints.ts'
import { lampAt, type Stage } from './stage.ts'

const MASK = TILE - 1
const LEAVES = [0x4f6b2c, 0x5d7a33, 0x3f5a2a, 0x6f7f35, 0x7d8a45, 0x41572f]
const AUTUMN = [0xa8862f, 0x9a5f2a, 0x8a4a2c]

/** A disc of foliage: centre and radius in metres, relative to the foot of the plant. */
interface Puff {
  readonly x: number
  readonly y: number
  readonly radius: number
}

/** A broad-leaved tree or, one time in five, a conifer; `size` scales its height. */
export function createTree(rng: Random, x: number, z: number, size = 1): Actor {
  const conifer = chance(rng, 0.2)
  const height = between(rng, 4, 9) * size
  const trunk = height * between(rng, 0.25, 0.4)
  const spread = height * (conifer ? between(rng, 0.14, 0.2) : between(rng, 0.24, 0.36))
  const puffs = conifer ? coniferPuffs(height, trunk * 0.4, spread) : crownPuffs(rng, height, trunk, spread)
  const color = vary(rng, srgb(rng.pick(chance(rng, 0.12) && !conifer ? AUTUMN : LEAVES)), 0.3)
  const bark = vary(rng, srgb(0x5b4a3a), 0.35)
  const radius = height * between(rng, 0.016, 0.03)
  const lean = between(rng, -0.04, 0.04) * height
  const shift = rng.integer(0, 255)
  return {
    x,
    z,
    halfX: spread,
    halfZ: spread,
    height,
    dappled: true,
    raised: trunk,
    draw(stage) {
      const board = new Billboard(stage, Known.vegetation, x, z)
      board.capsule(
        0,
        0,
        radius * 1.3,
        lean,
        trunk * 1.25,
        radius,
        limb(bark, board.lamp, { grain: 0.3, shift }),
      )
      paintFoliage(stage, x, z, puffs, color, shift)
    },
  }
}

/** A bush or a piece of hedge `width` metres wide. */
export function createBush(rng: Random, x: number, z: number, width: number, height: number): Actor {
  const color = vary(rng, srgb(rng.pick(LEAVES)), 0.3)
  const shift = rng.integer(0, 255)
  const puffs: Puff[] = []
  const radius = height * 0.55
  const count = Math.max(2, Math.min(6, Math.round(width / radius)))
  for (let i = 0; i < count; i++) {
    const along = (i / (count - 1) - 0.5) * Math.max(0, width - 2 * radius)
    puffs.push({
      x: along,
      y: height - radius * between(rng, 0.95, 1.2),
      radius: radius * between(rng, 0.85, 1.1),
    })
  }
  return {
    x,
    z,
    halfX: width / 2,
    halfZ: 0.5,
    height,
    dappled: true,
    draw: (stage) => paintFoliage(stage, x, z, puffs, color, shift),
  }
}

function crownPuffs(rng: Random, height: number, trunk: number, spread: number): Puff[] {
  const middle = (height + trunk) / 2
  const rise = (height - trunk) / 2
  const puffs: Puff[] = [{ x: 0, y: middle, radius: Math.min(spread, rise) }]
  const count = rng.integer(3, 6)
  for (let i = 0; i < count; i++) {
    const angle = ((i + between(rng, -0.3, 0.3)) / count) * 2 * Math.PI
    const radius = Math.min(spread, rise) * between(rng, 0.5, 0.72)
    puffs.push({ x: Math.cos(angle) * spread * 0.62, y: middle + Math.sin(angle) * rise * 0.6, radius })
  }
  return puffs
}

function coniferPuffs(height: number, foot: number, spread: number): Puff[] {
  return Array.from({ length: 7 }, (_, i) => {
    const share = i / 6
    const radius = spread * (1.02 - 0.86 * share)
    return { x: 0, y: foot + radius * 0.7 + (height - foot - spread) * share, radius }
  })
}

/** Paints the union of the puffs with a ragged outline, leaf by leaf, darker inside and below. */
function paintFoliage(
  stage: Stage,
  x: number,
  z: number,
  puffs: readonly Puff[],
  color: Rgb,
  shift: number,
): void {
  const { canvas, camera, light, tiles } = stage
  const scale = camera.focal / z
  const column = columnOf(camera, x, z)
  const foot = rowOf(camera, 0, z)
  const lamp = lampAt(stage, x, z)
  const [lx, ly, lz] = light.direction
  const bright = shade(lamp, lx, ly, lz)
  const dim = shade(lamp, 0, -0.7, 0)
  const haze = hazeAt(light, z)
  const tip = mixRgb(color, [color[0] * 1.5, color[1] * 1.35, color[2]], 0.6)
  const discs = puffs.map((p) => ({
    x: column + p.x * scale,
    y: foot - p.y * scale,
    radius: p.radius * scale,
  }))
  const reach = (d: { radius: number }) => d.radius * 1.12
  const left = Math.max(0, Math.floor(Math.min(...discs.map((d) => d.x - reach(d)))))
  const right = Math.min(canvas.width, Math.ceil(Math.max(...discs.map((d) => d.x + reach(d)))))
  const top = Math.max(0, Math.floor(Math.min(...discs.map((d) => d.y - reach(d)))))
  const bottom = Math.min(canvas.height, Math.ceil(Math.max(...discs.map((d) => d.y + reach(d)))))
  const leaf = 17 / scale
  const cluster = 30 / scale
  const count = discs.length
  for (let row = top; row < bottom; row++) {
    const grainRow = ((Math.floor((row - foot) * leaf) + shift) & MASK) << 8
    const smoothRow = ((Math.floor((row - foot) * cluster) + shift) & MASK) << 8
    for (let col = left; col < right; col++) {
      const sample = row * canvas.width + col
      if (canvas.depth[sample] < z) continue
      let inside = -1
      let nx = 0
      let ny = 0
      for (let k = 0; k < count; k++) {
        const disc = discs[k]
        const dx = (col - disc.x) / disc.radius
        const dy = (row - disc.y) / disc.radius
        const d = 1 - dx * dx - dy * dy
        if (d > inside) {
          inside = d
          nx = dx
          ny = -dy
        }
      }
      if (inside < -0.25) continue
      const smooth = tiles.smooth[smoothRow | ((Math.floor((col - column) * cluster) + shift) & MASK)]
      const grain = tiles.grain[grainRow | ((Math.floor((col - column) * leaf) + shift) & MASK)]
      if (inside + 0.45 * smooth + 0.22 * grain < 0.08) continue
      const facing = nx * lx + ny * ly - 0.35 * lz + 0.55 * smooth + 0.35 * grain
      const sunny = Math.max(0, Math.min((facing + 0.3) / 1.3, 1))
      const tone = 0.62 + 0.38 * (0.5 + 0.5 * ny) + 0.3 * grain + 0.25 * smooth
      for (let c = 0; c < 3; c++) {
        const leafColor = color[c] + (tip[c] - color[c]) * sunny
        const value = leafColor * Math.max(tone, 0.15) * (dim[c] + (bright[c] - dim[c]) * sunny)
        canvas.rgb[3 * sample + c] = value * (1 - haze) + light.fog[c] * haze
      }
      canvas.labels[sample] = Known.vegetation
    }
  }
}
