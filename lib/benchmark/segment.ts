import { SCORE_NAMES } from '../scores.ts'
import { Segmenter } from '../segmenter.ts'
import { defineBenchmark } from './benchmark.ts'
import { saveNetwork } from './forward.ts'
import { imageNoise } from './noise.ts'

/** Images to labels and scores at their own size; what the scores cost shows against closed-set labels alone. */
export const segmentBenchmark = defineBenchmark({
  name: 'segment',
  defaults: {
    architecture: 'ladder-densenet121',
    classes: 19,
    batch: 1,
    size: [512, 1024],
    scores: SCORE_NAMES,
  },
  network: true,
  inputs: ({ batch, size }) => ({ images: imageNoise(batch, size) }),
  async prepare({ architecture, classes, scores }, { images }, setting) {
    const model = await Segmenter.create({ architecture, classes, ...setting })
    return {
      run: () => model.segment(images, { scores }),
      ...(scores.length > 0 && { labelsAlone: () => model.segment(images, { scores: [] }) }),
      dispose: () => model.dispose(),
    }
  },
  saveWeights: saveNetwork,
})
