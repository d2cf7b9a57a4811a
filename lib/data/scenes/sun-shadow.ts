import { clamp } from './draw.ts'
import type { Light } from './light.ts'
import type { Street } from './street.ts'

const NEAREST = -48
const SPAN = 224

/** Which places of a street the sun reaches past the rows of houses on both sides. */
export interface SunShadow {
  /** Share of the sun at (x, y, z) in metres: 0 in the shade, 1 in the sun, between in the penumbra. */
  visibility(x: number, y: number, z: number): number
}

/** Tabulates the skyline of both sides; the sun's rays are followed to the plane of the nearer row of houses. */
export function createSunShadow(street: Street, light: Light): SunShadow {
  const [lx, ly, lz] = light.direction
  const sunSide = lx < 0 ? -1 : 1
  const across = Math.max(Math.abs(lx), 1e-3)
  const skyline = new Float32Array(SPAN)
  let plane = Infinity
  for (const building of street.buildings) {
    if (building.side !== sunSide) continue
    plane = Math.min(plane, building.inner)
    const from = clamp(Math.ceil(building.near - NEAREST), 0, SPAN)
    const to = clamp(Math.floor(building.far - NEAREST), 0, SPAN)
    skyline.fill(building.height + 0.6 * building.roofRise, from, to)
  }
  return {
    visibility(x, y, z) {
      const distance = (plane - sunSide * x) / across
      if (distance <= 0) return 1
      const place = Math.floor(z + distance * lz - NEAREST)
      if (place < 0 || place >= SPAN) return 1
      const over = y + distance * ly - skyline[place]
      return over > 0.25 ? 1 : over < -0.25 ? 0 : over * 2 + 0.5
    },
  }
}
