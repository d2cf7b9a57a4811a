import type { Random } from '../../lib/index.ts'
import type { Points } from './data.ts'

/**
 * Random Fourier features: √2 sin(f · x + φ) and √2 cos(f · x + φ) with normal frequencies f. They look different at
 * places that are far apart, so that what is learned at one place means little at another. On the bare coordinates a
 * perceptron extrapolates straight lines, and its logits grow towards infinity.
 */
export class FourierFeatures {
  readonly outputs: number
  readonly #waves: readonly { readonly x: number; readonly y: number; readonly phase: number }[]

  /** @param deviation of the frequencies: how fast the features change */
  constructor(count: number, deviation: number, rng: Random) {
    this.outputs = 2 * count
    this.#waves = Array.from({ length: count }, () => ({
      x: deviation * rng.normal(),
      y: deviation * rng.normal(),
      phase: 2 * Math.PI * rng.uniform(),
    }))
  }

  /** @returns outputs×N */
  of(points: Points): Float64Array {
    const count = points.length / 2
    const features = new Float64Array(this.outputs * count)
    this.#waves.forEach((wave, w) => {
      for (let n = 0; n < count; n++) {
        const angle = wave.x * points[n] + wave.y * points[count + n] + wave.phase
        features[2 * w * count + n] = Math.SQRT2 * Math.sin(angle)
        features[(2 * w + 1) * count + n] = Math.SQRT2 * Math.cos(angle)
      }
    })
    return features
  }
}
