// Compiled by `npm run test:types`, never run: what must and what must not type-check for users of the package.
import {
  AnomalyMetrics,
  DataLoader,
  DenseFlow,
  DenseHybridError,
  datasets,
  FlowTrainer,
  hybridLoss,
  negatives,
  renderPatchGrid,
  type ScoreName,
  Segmenter,
  type Tensor,
  Trainer,
} from '../../lib/index.ts'

export async function uses(): Promise<void> {
  const model: Segmenter = await Segmenter.create({
    architecture: 'ladder-densenet-tiny',
    classes: ['road', 'sky'],
  })
  const image: Tensor<Uint8Array> = { data: new Uint8Array(64 * 64 * 3), shape: [64, 64, 3] }
  const { labels, scores } = await model.segment(image, { scores: ['hybrid', 'entropy'], threshold: null })
  const bytes: Uint8Array = labels.data
  const floats: Float32Array = scores.hybrid.data
  new AnomalyMetrics({ convention: 'c' }).add(floats, bytes)

  const train = datasets.scenes({ split: 'train', length: 4 })
  const loader = new DataLoader(train, { batchSize: 2, crop: [64, 64] })
  const trainer = new Trainer(model, { objective: 'hybrid', negatives: negatives.real(train, {}) })
  await trainer.fit(loader, { epochs: 1, signal: new AbortController().signal })

  const flow = await DenseFlow.create({ architecture: 'denseflow-tiny' })
  const size = { n: 1, height: 16, width: 16 } as const
  const sampled: Uint8Array = (await flow.sample(size)).patches.data
  const continuous: Float32Array = (await flow.sample({ ...size, continuous: true })).patches.data
  const nats: Float64Array = (await flow.logProb({ data: sampled, shape: [1, 16, 16, 3] })).logProb.data
  // @ts-expect-error patches are bytes, not floats
  await flow.logProb({ data: continuous, shape: [1, 16, 16, 3] })
  // @ts-expect-error a sample has a size
  await flow.sample({ n: nats.length })

  const pretraining = new FlowTrainer(flow, { learningRate: 1e-3, schedule: 'cosine-step' })
  const { bitsPerDim, gradNorm } = await pretraining.step({ data: sampled, shape: [1, 16, 16, 3] })
  const fitted = await pretraining.fit(train, {
    ...{ steps: bitsPerDim + gradNorm, crop: 32, batchSize: 4 },
    onProgress: async ({ step, patchesPerSecond }) => console.log(step, patchesPerSecond),
  })
  const untrained: number = fitted.initialBitsPerDim
  const resumed: FlowTrainer = await FlowTrainer.resume('runs/flow', { device: 'cpu' })
  const grid: Tensor<Uint8Array> = renderPatchGrid({ data: sampled, shape: [1, 16, 16, untrained] })
  // @ts-expect-error patches are bytes, not floats
  await resumed.step({ data: continuous, shape: grid.shape })
  // @ts-expect-error the side of a crop is a number
  await resumed.fit(train, { steps: 1, crop: [32, 32] })
  // @ts-expect-error an unknown schedule
  new FlowTrainer(flow, { schedule: 'linear' })

  // @ts-expect-error images are bytes, not floats
  await model.segment({ data: new Float32Array(3), shape: [1, 1, 3] })
  // @ts-expect-error an unknown score
  await model.segment(image, { scores: ['hybird'] })
  // @ts-expect-error classes are required
  await Segmenter.create({ architecture: 'ladder-densenet-tiny' })
  // @ts-expect-error an unknown objective
  new Trainer(model, { objective: 'open-set' })
  // @ts-expect-error logits are float32
  await hybridLoss(image, image, image, {})
  // @ts-expect-error not a score
  const wrong: ScoreName = 'energy'
  const error = new DenseHybridError('IO', String(wrong))
  // @ts-expect-error an unknown code
  if (error.code === 'ENOENT') throw error
}
