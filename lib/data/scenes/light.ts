import type { Random } from '../../random.ts'
import { mixRgb, type Rgb, scaleRgb, vary } from './color.ts'
import { between } from './draw.ts'

/** Light and air of a scene. All colours are linear. */
export interface Light {
  /** Irradiance of a surface that faces the sun. */
  readonly sun: Rgb
  /** Irradiance from the whole sky. */
  readonly ambient: Rgb
  /** Unit vector to the sun: right, up, ahead. */
  readonly direction: readonly [number, number, number]
  readonly zenith: Rgb
  readonly horizon: Rgb
  /** Colour that distance fades to. */
  readonly fog: Rgb
  /** 1/m. */
  readonly fogDensity: number
  /** 0 clear … 1 overcast. */
  readonly clouds: number
  /** Probability that a window is lit, and whether lamps are on. */
  readonly litWindows: number
}

type TimeOfDay = 'noon' | 'low sun' | 'overcast' | 'dusk'

const TIMES: readonly TimeOfDay[] = [
  'noon',
  'noon',
  'noon',
  'low sun',
  'low sun',
  'overcast',
  'overcast',
  'dusk',
]

/** Draws a time of day and weather. */
export function createLight(rng: Random): Light {
  const time = rng.pick(TIMES)
  const azimuth = between(rng, 0, 2 * Math.PI)
  const elevation = time === 'noon' ? between(rng, 0.5, 1.15) : between(rng, 0.12, 0.42)
  const direction = [
    Math.cos(elevation) * Math.sin(azimuth),
    Math.sin(elevation),
    Math.cos(elevation) * Math.cos(azimuth),
  ] as const
  const rest = { direction, ...colours(rng, time) }
  return { ...rest, fog: vary(rng, rest.horizon, 0.1), fogDensity: Math.exp(between(rng, -7.5, -4.7)) }
}

function colours(rng: Random, time: TimeOfDay) {
  switch (time) {
    case 'noon': {
      const clouds = between(rng, 0, 0.65)
      const grey = clouds * 0.5
      return {
        sun: scaleRgb(vary(rng, [1, 0.93, 0.82], 0.08), between(rng, 1.1, 1.8)),
        ambient: vary(rng, mixRgb([0.42, 0.52, 0.68], [0.6, 0.6, 0.62], clouds), 0.12),
        zenith: vary(rng, mixRgb([0.13, 0.3, 0.72], [0.45, 0.5, 0.58], grey), 0.2),
        horizon: vary(rng, mixRgb([0.55, 0.7, 0.9], [0.75, 0.77, 0.8], grey), 0.12),
        clouds,
        litWindows: 0,
      }
    }
    case 'low sun':
      return {
        sun: scaleRgb(vary(rng, [1, 0.66, 0.36], 0.14), between(rng, 0.8, 1.5)),
        ambient: vary(rng, [0.4, 0.42, 0.52], 0.15),
        zenith: vary(rng, [0.24, 0.36, 0.62], 0.25),
        horizon: vary(rng, [0.95, 0.72, 0.5], 0.2),
        clouds: between(rng, 0, 0.7),
        litWindows: 0.06,
      }
    case 'overcast':
      return {
        sun: vary(rng, [0.16, 0.16, 0.16], 0.4),
        ambient: vary(rng, [0.78, 0.8, 0.84], 0.12),
        zenith: vary(rng, [0.58, 0.62, 0.68], 0.15),
        horizon: vary(rng, [0.8, 0.82, 0.85], 0.12),
        clouds: 1,
        litWindows: 0.04,
      }
    case 'dusk':
      return {
        sun: vary(rng, [0.04, 0.035, 0.04], 0.3),
        ambient: vary(rng, [0.3, 0.33, 0.46], 0.15),
        zenith: vary(rng, [0.1, 0.14, 0.3], 0.25),
        horizon: vary(rng, [0.45, 0.36, 0.38], 0.35),
        clouds: between(rng, 0, 0.8),
        litWindows: 0.3,
      }
  }
}

/** Share of fog at `depth` metres. */
export function hazeAt(light: Light, depth: number): number {
  return 1 - Math.exp(-depth * light.fogDensity)
}

/** Light on surfaces at one place: the sun's part is already weighted with whether the sun reaches it. */
export interface Lamp {
  readonly ambient: Rgb
  readonly sun: Rgb
  readonly direction: readonly [number, number, number]
}

/** The light where a share `visibility` (0 … 1) of the sun arrives. */
export function lampOf(light: Light, visibility: number): Lamp {
  return { ambient: light.ambient, sun: scaleRgb(light.sun, visibility), direction: light.direction }
}

/** Light that a surface with unit normal (right, up, ahead) sends back per albedo. Walls of a street see half the sky. */
export function shade(lamp: Lamp, nx: number, ny: number, nz: number): Rgb {
  const [lx, ly, lz] = lamp.direction
  const facing = Math.max(0, nx * lx + ny * ly + nz * lz)
  const sky = 0.68 + 0.32 * ny
  const one = (c: 0 | 1 | 2) => lamp.ambient[c] * sky + lamp.sun[c] * facing
  return [one(0), one(1), one(2)]
}
