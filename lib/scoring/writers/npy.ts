import { dump } from 'npyjs'
import type { Tensor } from '../../tensor.ts'
import { writeOutput } from './write-file.ts'

/** Writes a score map H×W as .npy: float32, exact. */
export async function writeNpy(path: string, scores: Tensor): Promise<void> {
  await writeOutput(path, Buffer.from(dump(scores.data, [...scores.shape])))
}
