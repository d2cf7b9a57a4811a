// Compiled by `npm run test:types`, never run: what must and what must not type-check for users of the package.
import {
  AnomalyMetrics,
  BinnedPixelMetrics,
  BootstrapMetrics,
  byScene,
  ComponentMetrics,
  classGapChart,
  DataLoader,
  DenseFlow,
  DenseHybridError,
  datasets,
  type Evaluation,
  evaluateImages,
  FlowTrainer,
  hybridLoss,
  negatives,
  openScores,
  pairedDifference,
  renderChart,
  renderPatchGrid,
  type ScoreName,
  Segmenter,
  type Tensor,
  Trainer,
  twoFoldOpenSet,
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

/** The evaluation, as users type it. */
export async function evaluationTypes(folder: string): Promise<void> {
  const map: Tensor = { data: new Float32Array(4), shape: [2, 2] }
  const target: Tensor<Uint8Array> = { data: new Uint8Array(4), shape: [2, 2] }
  const components = new ComponentMetrics({ track: 'obstacle', threshold: 0.5 }).add(map, target, 'a')
  const overlap: number = ComponentMetrics.fromJSON(components.toJSON()).result().sIoU
  const pixels: number = new BinnedPixelMetrics().add(map, target, 'a').result().bestF1Threshold
  const first = new BootstrapMetrics({ convention: 'e' }).add(map, target, 'a')
  const { ap } = await pairedDifference(first, first, { resamples: 10, seed: overlap + pixels })
  const share: number = ap.shareBetter
  const { images, detectors } = await openScores({ scores: folder, labels: folder, mapping: 'smiyc' })
  const evaluation: Evaluation = await evaluateImages(images, {
    detectors,
    sweep: [0.5, share],
    smiyc: 'anomaly',
    breakdowns: [byScene()],
    bootstrap: { resamples: 100 },
    onCurve: (detector, curve, result) => console.log(detector, curve.tp.length, result.fprByConvention.f),
  })
  const name: string | undefined = evaluation.detectors[0].breakdowns?.[0].group
  const svg: string = await renderChart(classGapChart(evaluation.openSet?.perClass ?? []), { format: 'svg' })
  // @ts-expect-error an unknown track
  new ComponentMetrics({ track: svg })
  // @ts-expect-error a convention is one letter
  new BootstrapMetrics({ convention: name })
  // @ts-expect-error components need scores as float32
  components.add(target, target, 'b')
  // @ts-expect-error folds have scale 0.5 or 1
  await twoFoldOpenSet(images, images, { scale: 0.25 })
}
