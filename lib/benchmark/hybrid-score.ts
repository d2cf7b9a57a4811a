import { loadNative } from '../binding/load.ts'
import { defineBenchmark } from './benchmark.ts'
import { bytesOf, kernelWork } from './kernel.ts'
import { logitNoise } from './noise.ts'

/** Upsampling, scores and labels of given logits. */
export const hybridScoreBenchmark = defineBenchmark({
  name: 'hybrid-score',
  defaults: { classes: 19, batch: 1, feature: [256, 512], size: [1024, 2048], scores: ['hybrid'] },
  network: false,
  // Logits in; float32 scores and one byte of label out.
  traffic({ classes, batch, feature, size, scores }, precision) {
    const logits = (classes + 2) * feature[0] * feature[1] * bytesOf(precision)
    return batch * (logits + size[0] * size[1] * (4 * scores.length + 1))
  },
  inputs: ({ classes, batch, feature }) => ({
    logits: logitNoise([batch, classes, ...feature], 1),
    oodLogits: logitNoise([batch, 2, ...feature], 2),
  }),
  async prepare({ size: [height, width], scores }, { logits, oodLogits }, setting) {
    const options = { height, width, scores: [...scores] }
    return kernelWork(await loadNative().prepareHybridScore(logits, oodLogits, options, setting), setting)
  },
})
