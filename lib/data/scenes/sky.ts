import type { Random } from '../../random.ts'
import { Known } from './classes.ts'
import { mixRgb, scaleRgb, srgb, vary } from './color.ts'
import { between, chance } from './draw.ts'
import { hazeAt } from './light.ts'
import { texel, texture } from './noise.ts'
import type { Stage } from './stage.ts'

/** Paints the sky above the horizon where no house hides it: gradient, glow around the sun, clouds on a plane. */
export function paintSky(stage: Stage, rng: Random): void {
  const { canvas, camera, light, tiles } = stage
  const { zenith, horizon } = light
  const offset = rng.integer(0, 255)
  const cover = 0.75 - 1.3 * light.clouds
  const [lx, ly, lz] = light.direction
  const sunColumn = camera.centre + (camera.focal * lx) / Math.max(lz, 0.05)
  const sunRow = camera.horizon - (camera.focal * ly) / Math.max(lz, 0.05)
  const glow = lz > 0.05 ? 0.5 * (1 - light.clouds) * light.sun[0] : 0
  const cloud = mixRgb(scaleRgb(light.ambient, 0.9), light.sun, 0.3)
  const rows = Math.min(canvas.height, Math.ceil(camera.horizon) + 1)
  const [sun0, sun1, sun2] = light.sun
  const { rgb, labels, depth } = canvas
  for (let y = 0, sample = 0; y < rows; y++) {
    const elevation = Math.max(camera.horizon - y - 0.5, 0) / camera.focal
    const up = 1 - Math.exp(-3.2 * elevation)
    const base = mixRgb(horizon, zenith, up)
    const distance = 1 / (elevation + 0.06)
    const visible = Math.min(1, elevation * 12)
    const v = distance * 30 + offset
    for (let x = 0; x < canvas.width; x++, sample++) {
      if (depth[sample] < Infinity) continue
      const bearing = (x - camera.centre) / camera.focal
      const density = texture(tiles.smooth, bearing * distance * 22 + offset, v)
      const amount = visible * Math.max(0, Math.min((density - cover) * 1.6, 0.85))
      const dx = (x - sunColumn) / camera.focal
      const dy = (y - sunRow) / camera.focal
      const shine = glow === 0 ? 0 : glow / (1 + 14 * (dx * dx + dy * dy))
      const shadow = 1 - 0.35 * amount * (density > 0.4 ? 1 : density + 0.6)
      rgb[3 * sample] = base[0] + (cloud[0] * shadow - base[0]) * amount + shine * sun0
      rgb[3 * sample + 1] = base[1] + (cloud[1] * shadow - base[1]) * amount + shine * sun1
      rgb[3 * sample + 2] = base[2] + (cloud[2] * shadow - base[2]) * amount + shine * sun2
      labels[sample] = Known.sky
    }
  }
}

/** Paints what closes the view behind the houses: wooded hills or a far row of roofs. */
export function paintBackdrop(stage: Stage, rng: Random): void {
  const { canvas, camera, light, tiles } = stage
  const wooded = chance(rng, 0.6)
  const label = wooded ? Known.vegetation : Known.building
  const body = wooded ? vary(rng, srgb(0x4a6336), 0.3) : vary(rng, srgb(0x9a9186), 0.25)
  const far = mixRgb([0, 0, 0], light.fog, Math.max(0.25, hazeAt(light, 160)))
  const haze = Math.max(0.25, hazeAt(light, 160))
  const lit = 0.62
  const shift = rng.integer(0, 255)
  const tall = camera.focal * between(rng, 0.02, 0.075)
  const block = camera.focal * between(rng, 0.03, 0.08)
  for (let x = 0; x < canvas.width; x++) {
    const outline = wooded
      ? 1 +
        0.5 * texture(tiles.smooth, (x / camera.focal) * 80 + shift, 7.5) +
        0.1 * texel(tiles.grain, x * 0.7, shift)
      : 0.9 + 0.8 * texel(tiles.grain, x / block + shift, 3)
    const top = Math.max(0, Math.round(camera.horizon - Math.max(0.2, outline) * tall))
    const bottom = Math.min(canvas.height, Math.ceil(camera.horizon) + 1)
    for (let y = top; y < bottom; y++) {
      const sample = y * canvas.width + x
      if (canvas.depth[sample] < Infinity) continue
      const leaf = wooded
        ? 1 + 0.5 * texel(tiles.smooth, x * 3, y * 3 + shift)
        : 1 - 0.25 * (((y >> 1) + (x >> 2)) & 1)
      for (let c = 0; c < 3; c++) {
        const surface = body[c] * leaf * (light.ambient[c] + light.sun[c] * 0.4) * lit
        canvas.rgb[3 * sample + c] = surface * (1 - haze) + far[c]
      }
      canvas.labels[sample] = label
    }
  }
}
