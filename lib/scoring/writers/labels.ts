import { writeLabelMap } from '../../data/decode.ts'
import type { Colour } from '../../palette.ts'
import { labelColours } from '../../report/colormap.ts'
import type { Tensor } from '../../tensor.ts'
import { makeFolder } from './write-file.ts'

/** Writes labels H×W (K = unknown) as an 8-bit PNG whose pixels are the labels, shown in the model's colours. */
export async function writeLabels(
  path: string,
  labels: Tensor<Uint8Array>,
  { classes, palette }: { classes: readonly string[]; palette: readonly Colour[] },
): Promise<void> {
  await makeFolder(path)
  await writeLabelMap(path, labels, { palette: labelColours(classes, palette) })
}
