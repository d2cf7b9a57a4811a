import type { Random } from '../../random.ts'
import { between } from './draw.ts'

/** Linear-light red, green, blue; 1 = white paper under unit light. */
export type Rgb = readonly [number, number, number]

/** A colour written as 0xrrggbb (sRGB) in linear light. */
export function srgb(hex: number): Rgb {
  return [linear((hex >> 16) & 255), linear((hex >> 8) & 255), linear(hex & 255)]
}

function linear(byte: number): number {
  const v = byte / 255
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
}

/** Hue in [0, 1), saturation and value in [0, 1] (of sRGB) as linear light. */
export function hsv(hue: number, saturation: number, value: number): Rgb {
  const channel = (offset: number) => {
    const k = (offset + hue * 6) % 6
    return linear(255 * (value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1))))
  }
  return [channel(5), channel(3), channel(1)]
}

/** (1 − t)·a + t·b. */
export function mixRgb(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/** Every channel times `factor`. */
export function scaleRgb(a: Rgb, factor: number): Rgb {
  return [a[0] * factor, a[1] * factor, a[2] * factor]
}

/** Channel by channel product. */
export function timesRgb(a: Rgb, b: Rgb): Rgb {
  return [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}

/** A colour near `color`: brightness varies by ±amount, each channel by a third of that. */
export function vary(rng: Random, color: Rgb, amount: number): Rgb {
  const all = Math.exp(between(rng, -amount, amount))
  const one = (c: number) => c * all * Math.exp(between(rng, -amount, amount) / 3)
  return [one(color[0]), one(color[1]), one(color[2])]
}
