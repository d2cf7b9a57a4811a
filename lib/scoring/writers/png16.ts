import { setImmediate } from 'node:timers/promises'
import sharp from 'sharp'
import type { ScoreName } from '../../binding/native.ts'
import type { Tensor } from '../../tensor.ts'
import { writeOutput } from './write-file.ts'

/** Grey 0 is `min`, grey 65535 is `max`. */
export interface ScoreRange {
  readonly min: number
  readonly max: number
}

/** Pixels that are converted before other work gets its turn: about 2 ms. */
const SLICE = 2 ** 20

/**
 * The range of each score in 16-bit images. It is the same for all images of all runs, so that grey values can be
 * compared; a step is about 0.001. Logarithmic scores are cut off at ±40 (P < 10⁻¹⁷), entropy at ln K is exact.
 *
 * @param classes K
 */
export function scoreRange(score: ScoreName, classes: number): ScoreRange {
  if (score === 'maxSoftmax') return { min: -1, max: 0 }
  if (score === 'entropy') return { min: 0, max: Math.max(Math.log(classes), 1e-3) }
  if (score === 'discriminative') return { min: -40, max: 0 }
  return { min: -40, max: 40 }
}

/**
 * Scores as 16-bit grey: round(65535 · (s − min) / (max − min)), cut off at the ends.
 *
 * @returns the grey values and the number of scores outside of the range
 */
export async function quantise(
  scores: Float32Array,
  { min, max }: ScoreRange,
): Promise<{ grey: Uint16Array; clamped: number }> {
  const grey = new Uint16Array(scores.length)
  const scale = 65_535 / (max - min)
  let clamped = 0
  for (let start = 0; start < scores.length; start += SLICE) {
    if (start > 0) await setImmediate()
    const end = Math.min(scores.length, start + SLICE)
    for (let i = start; i < end; i++) {
      const value = (scores[i] - min) * scale
      // Half a step beyond the ends is rounding, not cutting.
      if (value < -0.5 || value > 65_535.5) clamped++
      grey[i] = value <= 0 ? 0 : value >= 65_535 ? 65_535 : value + 0.5
    }
  }
  return { grey, clamped }
}

/**
 * Writes a score map H×W as a 16-bit grey PNG.
 *
 * @returns the number of pixels outside of the range
 */
export async function writePng16(path: string, scores: Tensor, range: ScoreRange): Promise<number> {
  const [height, width] = scores.shape
  const { grey, clamped } = await quantise(scores.data, range)
  const png = await sharp(grey, { raw: { width, height, channels: 1 }, limitInputPixels: false })
    .toColourspace('grey16')
    .png({ compressionLevel: 6 })
    .toBuffer()
  await writeOutput(path, png)
  return clamped
}
