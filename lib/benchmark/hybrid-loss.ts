import { hybridLoss } from '../functional.ts'
import { defineBenchmark } from './benchmark.ts'
import { labelNoise, logitNoise } from './noise.ts'

/** The hybrid loss and both gradients, through the upsampling. */
export const hybridLossBenchmark = defineBenchmark({
  name: 'hybrid-loss',
  defaults: { classes: 19, batch: 2, feature: [128, 128], size: [512, 512] },
  network: false,
  inputs: ({ classes, batch, feature, size }) => ({
    logits: logitNoise([batch, classes, ...feature], 1),
    oodLogits: logitNoise([batch, 2, ...feature], 2),
    labels: labelNoise(batch, classes, size),
  }),
  async prepare(_parameters, { logits, oodLogits, labels }) {
    return { run: () => hybridLoss(logits, oodLogits, labels), dispose: () => {} }
  },
})
