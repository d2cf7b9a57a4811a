import { writeLabelMap } from '../../data/decode.ts'
import type { Tensor } from '../../tensor.ts'
import { makeFolder } from './write-file.ts'

/** Writes labels H×W (K = unknown) as an 8-bit single-channel PNG. */
export async function writeLabels(path: string, labels: Tensor<Uint8Array>): Promise<void> {
  await makeFolder(path)
  await writeLabelMap(path, labels)
}
