// Compiled by `npm run test:types`, never run: what must and what must not type-check for users of the package.
import {
  AnomalyMetrics,
  DataLoader,
  DenseHybridError,
  datasets,
  hybridLoss,
  negatives,
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
