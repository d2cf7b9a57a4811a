import { join } from 'node:path'
import type { ScoreName } from '../binding/native.ts'
import type { Colour } from '../palette.ts'
import type { Tensor } from '../tensor.ts'
import type { ScoredMaps } from './score-image.ts'
import type { ResolvedScorerOptions } from './scorer-options.ts'
import { writeHdf5 } from './writers/hdf5.ts'
import { writeLabels } from './writers/labels.ts'
import { writeNpy } from './writers/npy.ts'
import { writeOverlay } from './writers/overlay.ts'
import { scoreRange, writePng16 } from './writers/png16.ts'
import { writeOutput } from './writers/write-file.ts'

/** Says how grey values of `png16` become scores. */
export const RANGES_FILE = 'scores.json'

/** Writes the range of every score beside the results, for readers of `png16`. */
export async function writeRanges(out: string, scores: readonly ScoreName[], classes: number): Promise<void> {
  const ranges = Object.fromEntries(scores.map((score) => [score, scoreRange(score, classes)]))
  const content = { score: 'min + grey / 65535 · (max − min)', ranges }
  await writeOutput(join(out, RANGES_FILE), Buffer.from(`${JSON.stringify(content, null, 2)}\n`))
}

/**
 * Writes the results of one image in all formats.
 *
 * @param name path of the results inside of the folder of their kind, without extension
 * @returns the files by kind, and the number of pixels outside of the range of `png16` or `hdf5`
 */
export async function writeResults(
  name: string,
  image: Tensor<Uint8Array>,
  { closed, labels, scores }: ScoredMaps,
  { classes, palette }: { readonly classes: readonly string[]; readonly palette: readonly Colour[] },
  options: ResolvedScorerOptions,
): Promise<{ outputs: Record<string, string>; clamped: number }> {
  const { out, formats, overlayRange } = options
  const outputs: Record<string, string> = {}
  const place = (kind: string, folder: string, extension: string) => {
    outputs[kind] = join(out, folder, `${name}.${extension}`)
    return outputs[kind]
  }
  let clamped = 0
  for (const score of options.scores) {
    if (formats.includes('npy')) await writeNpy(place(`npy/${score}`, score, 'npy'), scores[score])
    if (formats.includes('hdf5'))
      clamped += await writeHdf5(place(`hdf5/${score}`, score, 'hdf5'), scores[score])
    if (!formats.includes('png16')) continue
    const range = scoreRange(score, classes.length)
    clamped += await writePng16(place(`png16/${score}`, score, 'png'), scores[score], range)
  }
  if (formats.includes('labels'))
    await writeLabels(place('labels', 'labels', 'png'), labels, { classes, palette })
  if (formats.includes('overlay')) {
    const maps = { image, closed, open: labels, score: scores.hybrid, scoreRange: overlayRange }
    await writeOverlay(place('overlay', 'overlay', 'png'), { ...maps, classes, palette })
  }
  return { outputs, clamped }
}
