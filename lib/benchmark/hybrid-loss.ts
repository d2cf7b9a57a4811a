import { loadNative } from '../binding/load.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { defineBenchmark } from './benchmark.ts'
import { bytesOf, kernelWork } from './kernel.ts'
import { labelNoise, logitNoise } from './noise.ts'

/** The hybrid loss and both gradients, through the upsampling. */
export const hybridLossBenchmark = defineBenchmark({
  name: 'hybrid-loss',
  defaults: { classes: 19, batch: 2, feature: [128, 128], size: [512, 512] },
  network: false,
  // Logits and labels in, gradients out.
  traffic({ classes, batch, feature, size }, precision) {
    const logits = (classes + 2) * feature[0] * feature[1] * bytesOf(precision)
    return batch * (2 * logits + size[0] * size[1])
  },
  inputs: ({ classes, batch, feature, size }) => ({
    logits: logitNoise([batch, classes, ...feature], 1),
    oodLogits: logitNoise([batch, 2, ...feature], 2),
    labels: labelNoise(batch, classes, size),
  }),
  async prepare(_parameters, { logits, oodLogits, labels }, setting) {
    const options = {
      betaX: 0.03,
      betaD: 0.3,
      ignore: IGNORE_LABEL,
      negative: UNKNOWN_LABEL,
      ignoreInDatasetPosterior: 'inlier',
      meanLogitShift: true,
    } as const
    return kernelWork(
      await loadNative().prepareHybridLoss(logits, oodLogits, labels, options, setting),
      setting,
    )
  },
})
