import { writeImage } from '../../data/decode.ts'
import { resampleImage, resampleLabels, wholeRegion } from '../../data/resample.ts'
import { type OverlayOptions, renderOverlay } from '../../report/overlay.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { makeFolder } from './write-file.ts'

/** Width of a panel, at most. Drawing larger maps would hold up the event loop. */
const MAX_WIDTH = 640

/** Writes the panels image | closed-set | score | open-set as one PNG; maps are reduced to 640 pixels of width. */
export async function writeOverlay(path: string, options: OverlayOptions): Promise<void> {
  await makeFolder(path)
  await writeImage(path, renderOverlay(await reduce(options)))
}

async function reduce(options: OverlayOptions): Promise<OverlayOptions> {
  const { image, closed, open, score } = options
  const region = wholeRegion(image)
  if (region.width <= MAX_WIDTH) return options
  const height = Math.max(1, Math.round((region.height * MAX_WIDTH) / region.width))
  return {
    ...options,
    image: await resampleImage(image, region, height, MAX_WIDTH),
    closed: resampleLabels(closed, region, height, MAX_WIDTH),
    open: resampleLabels(open, region, height, MAX_WIDTH),
    score: nearestScores(score, height, MAX_WIDTH),
  }
}

/** Output j takes source pixel ⌊(j + ½) · source / output⌋, as labels do. */
function nearestScores({ data, shape }: Tensor, height: number, width: number): Tensor {
  const reduced = new Float32Array(height * width)
  const columns = Int32Array.from({ length: width }, (_, x) => ((x + 0.5) * shape[1]) / width)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * shape[0]) / height) * shape[1]
    for (let x = 0; x < width; x++) reduced[y * width + x] = data[row + columns[x]]
  }
  return tensor(reduced, [height, width])
}
