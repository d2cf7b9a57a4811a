import { Segmenter } from '../segmenter.ts'
import { defineBenchmark } from './benchmark.ts'
import { imageNoise } from './noise.ts'

/** Images to both logits at feature resolution. */
export const forwardBenchmark = defineBenchmark({
  name: 'forward',
  defaults: { architecture: 'ladder-densenet121', classes: 19, batch: 1, size: [512, 1024] },
  network: true,
  inputs: ({ batch, size }) => ({ images: imageNoise(batch, size) }),
  async prepare({ architecture, classes }, { images }, setting) {
    const model = await Segmenter.create({ architecture, classes, ...setting })
    return { run: () => model.forward(images), dispose: () => model.dispose() }
  },
  saveWeights: saveNetwork,
})

/** The weights that `prepare` makes. */
export async function saveNetwork(
  { architecture, classes }: { architecture: string; classes: number },
  path: string,
): Promise<void> {
  const model = await Segmenter.create({ architecture, classes })
  await model.save(path)
  model.dispose()
}
