import type { Random } from '../../random.ts'
import { axisAt } from './camera.ts'
import { Known } from './classes.ts'
import { scaleRgb } from './color.ts'
import { between, chance } from './draw.ts'
import { hazeAt } from './light.ts'
import { roadMarkings } from './markings.ts'
import { hash, TILE } from './noise.ts'
import type { Stage } from './stage.ts'

const MASK = TILE - 1

/** How much of the sun and of the sky reaches a sample of the ground past the objects that stand on it. */
export interface ShadowMask {
  /** height×width, 1 = unshaded. */
  readonly sun: Float32Array
  readonly sky: Float32Array
}

/** A rectangle of newer or older asphalt; metres. */
interface Patch {
  readonly left: number
  readonly right: number
  readonly near: number
  readonly far: number
  readonly tone: number
}

/** Paints the ground where no house hides it: road, kerbs, pavement, grass, and the road's markings. */
export function paintGround(stage: Stage, rng: Random, mask: ShadowMask): void {
  const { canvas, camera, light, street, tiles } = stage
  const patches = createPatches(rng, street.roadHalf)
  const shiftX = rng.integer(0, 255)
  const shiftZ = rng.integer(0, 255)
  const key = rng.integer(0, 1 << 20)
  const roughness = between(rng, 0.1, 0.3)
  const tracks = between(rng, 0, 0.2)
  const lane = street.roadHalf / 2
  const kerb = scaleRgb(street.paving, 1.25)
  const facing = Math.max(0, light.direction[1])
  const { roadHalf, junction } = street
  const { rgb, depth } = canvas
  const { ambient, sun } = light
  for (let y = Math.max(0, Math.ceil(camera.horizon - 0.5)); y < canvas.height; y++) {
    const below = Math.max(y + 0.5 - camera.horizon, 0.25)
    const z = (camera.focal * camera.elevation) / below
    const step = z / camera.focal
    const haze = hazeAt(light, z)
    const [fog0, fog1, fog2] = [light.fog[0] * haze, light.fog[1] * haze, light.fog[2] * haze]
    const crossing = junction !== undefined && z > junction.near && z < junction.far
    // Texture finer than a sample is left out: it would only flicker.
    const fine = roughness / (1 + step * 22)
    const slabFade = 1 / (1 + step * 25)
    const nearPatches = patches.filter((p) => z > p.near && z < p.far)
    const origin = camera.offset - axisAt(camera, z) - (camera.centre / camera.focal + camera.heading) * z
    const slabRow = Math.floor(z / street.slab)
    const slabJointRow = z / street.slab - slabRow < 0.06 + step
    const grainRow = (Math.floor(z * 23) & MASK) << 8
    const smoothRow = (Math.floor(z * 5 + shiftZ) & MASK) << 8
    const stainRow = (Math.floor(z * 1.3 + shiftZ) & MASK) << 8
    for (let x = 0, sample = y * canvas.width; x < canvas.width; x++, sample++) {
      if (depth[sample] < z) continue
      const across = origin + (x + 0.5) * step
      const distance = across < 0 ? -across : across
      const side = street.sides[across < 0 ? 0 : 1]
      const grain = tiles.grain[grainRow | (Math.floor(across * 23) & MASK)]
      const smooth = tiles.smooth[smoothRow | (Math.floor(across * 9 + shiftX) & MASK)]
      const stain = tiles.smooth[stainRow | (Math.floor(across * 4 + shiftX) & MASK)]
      let color = street.asphalt
      let label: number = Known.road
      let tone = 1 + fine * (1.5 * grain + smooth) + 0.12 * stain
      if (distance < roadHalf || crossing) {
        const fromLane = (distance - lane) * 1.1
        const wheel = Math.abs(fromLane) - 0.85
        tone -= tracks / (1 + 12 * wheel * wheel)
        for (const patch of nearPatches) {
          if (across > patch.left && across < patch.right) tone *= patch.tone
        }
      } else if (distance < roadHalf + 0.25) {
        color = kerb
        label = Known.pavement
        if (distance < roadHalf + 0.05) tone *= 0.6
      } else if (
        distance < roadHalf + 0.25 + side.verge ||
        (distance > side.outer && side.garden === 'grass')
      ) {
        color = street.grass
        label = Known.vegetation
        tone = 1 + (0.25 + 2.5 * fine) * grain * slabFade + 0.4 * smooth + 0.25 * stain
      } else {
        color = street.paving
        label = Known.pavement
        const column = Math.floor(across / street.slab)
        const joint = slabJointRow || across / street.slab - column < 0.06 + step
        tone += ((joint ? -0.3 : 0) + 0.22 * (hash(column, slabRow, key) - 0.5)) * slabFade
      }
      const direct = facing * mask.sun[sample] * stage.sunShadow.visibility(across, 0, z)
      const sky = mask.sky[sample]
      const keep = tone * (1 - haze)
      rgb[3 * sample] = color[0] * keep * (ambient[0] * sky + sun[0] * direct) + fog0
      rgb[3 * sample + 1] = color[1] * keep * (ambient[1] * sky + sun[1] * direct) + fog1
      rgb[3 * sample + 2] = color[2] * keep * (ambient[2] * sky + sun[2] * direct) + fog2
      canvas.labels[sample] = label
    }
    paintMarkings(stage, mask, y, z, step, origin, haze)
  }
}

/** Overpaints the intervals of one row that carry paint. */
function paintMarkings(
  stage: Stage,
  mask: ShadowMask,
  y: number,
  z: number,
  step: number,
  origin: number,
  haze: number,
): void {
  const { canvas, light, street, tiles } = stage
  const facing = Math.max(0, light.direction[1])
  for (const [from, to] of roadMarkings(street, z)) {
    const first = Math.max(0, Math.ceil((from - origin) / step - 0.5))
    const end = Math.min(canvas.width, Math.ceil((to - origin) / step - 0.5))
    for (let x = first, sample = y * canvas.width + first; x < end; x++, sample++) {
      if (canvas.depth[sample] < z) continue
      const across = origin + (x + 0.5) * step
      const wear = tiles.smooth[((Math.floor(z * 16) & MASK) << 8) | (Math.floor(across * 16) & MASK)]
      const cover = Math.min(1, Math.max(0.35, 1 - street.paintWear * (0.8 + wear)))
      const direct = facing * mask.sun[sample] * stage.sunShadow.visibility(across, 0, z)
      for (let c = 0; c < 3; c++) {
        const paint = street.paint[c] * 0.8 * (light.ambient[c] * mask.sky[sample] + light.sun[c] * direct)
        const lit = paint * (1 - haze) + light.fog[c] * haze
        canvas.rgb[3 * sample + c] += (lit - canvas.rgb[3 * sample + c]) * cover
      }
      canvas.labels[sample] = Known.marking
    }
  }
}

function createPatches(rng: Random, roadHalf: number): Patch[] {
  const patches: Patch[] = []
  const count = chance(rng, 0.5) ? rng.integer(1, 4) : 0
  for (let i = 0; i < count; i++) {
    const left = between(rng, -roadHalf, roadHalf - 0.8)
    const near = between(rng, 2, 30)
    const tone = chance(rng, 0.7) ? between(rng, 0.6, 0.85) : between(rng, 1.1, 1.3)
    patches.push({ left, right: left + between(rng, 0.6, 3), near, far: near + between(rng, 0.8, 7), tone })
  }
  return patches
}
