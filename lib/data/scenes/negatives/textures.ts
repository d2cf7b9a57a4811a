import type { Random } from '../../../random.ts'
import type { Paint } from '../canvas.ts'
import { hsv, mixRgb, type Rgb, vary } from '../color.ts'
import { between, chance } from '../draw.ts'
import { hash, noiseTiles, texel, texture } from '../noise.ts'

/** A few colours that go together: from grey and earthy to bright, from dark to light. */
export function randomPalette(rng: Random): Rgb[] {
  const hue = rng.uniform()
  const vivid = chance(rng, 0.35)
  const saturation = vivid ? between(rng, 0.5, 1) : between(rng, 0, 0.45)
  const value = between(rng, 0.12, 0.95)
  const spread = chance(rng, 0.6) ? 0.08 : 0.5
  return Array.from({ length: 3 }, () => {
    const h = (hue + spread * (rng.uniform() - 0.5) + 1) % 1
    const s = Math.min(1, saturation * between(rng, 0.4, 1.4))
    return hsv(h, s, Math.min(1, Math.max(0.04, value + between(rng, -0.35, 0.35))))
  })
}

/** Albedo as a function of (u, v) in about [−1, 1]²; see the names of the cases. */
export function randomTexture(rng: Random, palette: readonly Rgb[] = randomPalette(rng)): Paint {
  const [a, b, c] = palette.length >= 3 ? palette : [palette[0], palette[palette.length - 1], palette[0]]
  const pattern = weave(rng, a, b, c)
  const angle = between(rng, 0, Math.PI)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const { grain, smooth } = noiseTiles()
  const rough = chance(rng, 0.6) ? between(rng, 0, 0.35) : 0
  const stained = chance(rng, 0.6) ? between(rng, 0, 0.4) : 0
  const fine = between(rng, 8, 50)
  const shift = rng.integer(0, 255)
  return (u, v, out) => {
    pattern(u * cos - v * sin, u * sin + v * cos, out)
    const tone =
      1 + rough * texel(grain, u * fine + shift, v * fine) + stained * texture(smooth, u * 20, v * 20 + shift)
    for (let k = 0; k < 3; k++) out[k] *= Math.max(0.05, tone)
  }
}

function weave(rng: Random, a: Rgb, b: Rgb, c: Rgb): Paint {
  const { smooth } = noiseTiles()
  const frequency = Math.exp(between(rng, Math.log(1.5), Math.log(9)))
  const shift = rng.integer(0, 255)
  const blend = (from: Rgb, to: Rgb, t: number, out: Float32Array) => {
    for (let k = 0; k < 3; k++) out[k] = from[k] + (to[k] - from[k]) * t
  }
  switch (
    rng.pick([
      'plain',
      'gradient',
      'stripes',
      'waves',
      'checker',
      'dots',
      'clouds',
      'cells',
      'rings',
      'camouflage',
    ] as const)
  ) {
    case 'plain': {
      const color = vary(rng, mixRgb(a, b, rng.uniform()), 0.1)
      return (_u, _v, out) => blend(color, color, 0, out)
    }
    case 'gradient':
      return (u, _v, out) => blend(a, b, Math.min(1, Math.max(0, 0.5 + 0.5 * u)), out)
    case 'stripes': {
      const duty = between(rng, 0.25, 0.75)
      return (u, _v, out) => blend(a, b, u * frequency - Math.floor(u * frequency) < duty ? 1 : 0, out)
    }
    case 'waves': {
      const bend = between(rng, 0.1, 0.6)
      return (u, v, out) =>
        blend(a, b, 0.5 + 0.5 * Math.sin(3 * frequency * (u + bend * Math.sin(4 * v))), out)
    }
    case 'checker':
      return (u, v, out) => blend(a, b, (Math.floor(u * frequency) + Math.floor(v * frequency)) & 1, out)
    case 'dots': {
      const radius = between(rng, 0.08, 0.2)
      return (u, v, out) => {
        const x = u * frequency - Math.floor(u * frequency) - 0.5
        const y = v * frequency - Math.floor(v * frequency) - 0.5
        blend(a, b, x * x + y * y < radius ? 1 : 0, out)
      }
    }
    case 'clouds':
      return (u, v, out) => {
        const t = texture(smooth, u * frequency * 6 + shift, v * frequency * 6)
        blend(a, t > 0 ? b : c, Math.min(1, Math.abs(t) * 1.3), out)
      }
    case 'cells':
      return (u, v, out) => {
        const row = Math.floor(v * frequency)
        const column = Math.floor(u * frequency + (row & 1) * 0.5)
        const edge = v * frequency - row < 0.12
        blend(a, edge ? c : b, edge ? 1 : hash(column, row, shift), out)
      }
    case 'rings':
      return (u, v, out) => blend(a, b, 0.5 + 0.5 * Math.sin(5 * frequency * Math.hypot(u, v)), out)
    case 'camouflage':
      return (u, v, out) => {
        const t = texture(smooth, u * frequency * 5 + shift, v * frequency * 5 + shift)
        blend(t > 0.25 ? b : t < -0.3 ? c : a, a, 0, out)
      }
  }
}
