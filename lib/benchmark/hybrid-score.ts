import { hybridScore } from '../functional.ts'
import { defineBenchmark } from './benchmark.ts'
import { logitNoise } from './noise.ts'

/** Upsampling, scores and labels of given logits. */
export const hybridScoreBenchmark = defineBenchmark({
  name: 'hybrid-score',
  defaults: { classes: 19, batch: 1, feature: [256, 512], size: [1024, 2048], scores: ['hybrid'] },
  network: false,
  inputs: ({ classes, batch, feature }) => ({
    logits: logitNoise([batch, classes, ...feature], 1),
    oodLogits: logitNoise([batch, 2, ...feature], 2),
  }),
  async prepare({ size, scores }, { logits, oodLogits }) {
    return { run: () => hybridScore(logits, oodLogits, size, { scores }), dispose: () => {} }
  },
})
