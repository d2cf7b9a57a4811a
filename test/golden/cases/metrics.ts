import { dirname } from 'node:path'
import type { RunCase } from '../run.ts'
import type { Expected, Scalars } from './metrics-case.ts'
import { iouChecks } from './metrics-iou.ts'
import { largeChecks } from './metrics-large.ts'
import { pixelChecks } from './metrics-pixels.ts'
import { componentChecks } from './metrics-smiyc.ts'
import { resizeChecks, twoFoldChecks } from './metrics-two-fold.ts'

/** What runs the metric cases, by the start of their kind: each folder is a kind of its own. */
export const METRIC_RUNNERS: Readonly<Record<string, RunCase>> = {
  pix_: inFolder(pixelChecks),
  iou_: inFolder(iouChecks),
  comp_: inFolder(componentChecks),
  openset_twofold: inFolder(twoFoldChecks),
  resize: inFolder(resizeChecks),
  generated_pixels: async ({ description }) => ({ tensors: {}, scalars: largeChecks(description).checks }),
}

/** A case whose inputs lie beside its JSON as .npy files. */
function inFolder(check: (folder: string, expected: Expected) => Scalars | Promise<Scalars>): RunCase {
  return async ({ jsonPath, description }) => {
    const { checks, notes } = await check(dirname(jsonPath), description)
    return { tensors: {}, scalars: checks, notes }
  }
}
