import { writeImage } from '../data/encode.ts'
import type { DenseFlow } from '../dense-flow.ts'
import type { Tensor } from '../tensor.ts'
import { renderBeforeAfter } from './patch-grid.ts'

/** Side in pixels, a multiple of the reduction of every flow with up to five blocks, number, and seed of the noise. */
const [SIDE, COUNT, SEED] = [64, 36, 0]

/**
 * Samples of a flow, always from the same noise, for pictures of what training changes.
 *
 * @returns 36×64×64×3
 * @throws DenseHybridError as `DenseFlow.sample`
 */
export async function drawSamples(flow: DenseFlow, signal?: AbortSignal): Promise<Tensor<Uint8Array>> {
  return (await flow.sample({ n: COUNT, height: SIDE, width: SIDE, seed: SEED, signal })).patches
}

/**
 * Writes a PNG: left the samples that `drawSamples` gave before joint training, right those of the flow now.
 *
 * @throws DenseHybridError as `DenseFlow.sample` and `writeImage`
 */
export async function writeSamplesBeforeAfter(
  path: string,
  before: Tensor<Uint8Array>,
  flow: DenseFlow,
  signal?: AbortSignal,
): Promise<void> {
  await writeImage(path, renderBeforeAfter(before, await drawSamples(flow, signal)), { signal })
}
