import type { Dataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import { sceneNegatives } from '../data/scenes/index.ts'
import { DenseFlow } from '../dense-flow.ts'
import type { Calibration } from '../evaluation/calibrate.ts'
import { calibrateModel, evaluateModel } from '../evaluation/evaluate-model.ts'
import type { Evaluation } from '../evaluation/evaluation.ts'
import { mix } from '../negatives/mix.ts'
import { synthetic } from '../negatives/synthetic.ts'
import type { NegativeSource } from '../negatives/types.ts'
import type { ScoreName } from '../scores.ts'
import type { Segmenter } from '../segmenter.ts'
import type { FlowProgress } from '../training/flow-fit.ts'
import { FlowTrainer } from '../training/flow-trainer.ts'
import type { TrainerOptions } from '../training/options.ts'
import type { TrainingProgress } from '../training/progress.ts'
import { Trainer } from '../training/trainer.ts'
import type { DemoNegatives, DemoSettings } from './settings.ts'

/** What every stage of a demo needs. */
export interface StageContext {
  readonly settings: DemoSettings
  readonly seed: number
  readonly signal?: AbortSignal
  /** A stage begins; `total` is its number of epochs, steps or images. */
  begin(kind: StageKind, total: number, negatives?: DemoNegatives): void
  progress(done: number, training?: TrainingProgress | FlowProgress): void
  end(summary: string): void
}

/** The parts of a demo; `flow` only with synthetic negatives, and from `hybrid` to `evaluation` once for every kind of negatives. */
export type StageKind = 'closed-set' | 'flow' | 'hybrid' | 'calibration' | 'evaluation' | 'report'

/** Detectors that need no training with negatives. */
const CLOSED_SET_DETECTORS: readonly ScoreName[] = ['maxSoftmax', 'maxLogit', 'entropy', 'generative']

/** Trains the segmenter on the known classes and measures what its scores say of the unknown before it has seen a negative. */
export async function trainClosedSet(
  segmenter: Segmenter,
  { train, val, test }: { train: Dataset; val: Dataset; test: Dataset },
  context: StageContext,
): Promise<Evaluation> {
  const { settings, signal } = context
  context.begin('closed-set', settings.closedEpochs)
  const losses = await trainEpochs(segmenter, train, context, settings.closedEpochs, {
    objective: 'closed-set',
    learningRate: settings.closedLearningRate,
  })
  const options = { detectors: CLOSED_SET_DETECTORS, signal }
  const thresholds = thresholdsOf(await calibrateModel(segmenter, val, options))
  const evaluation = await evaluateModel(segmenter, test, { ...options, thresholds })
  context.end(`loss ${losses.total.toFixed(2)}  mIoU ${(100 * (evaluation.closedMIoU ?? NaN)).toFixed(1)}`)
  return evaluation
}

/** A small flow on crops of the training scenes, by maximum likelihood; to be disposed by the caller. */
export async function trainFlow(train: Dataset, context: StageContext): Promise<DenseFlow> {
  const { settings, seed, signal } = context
  const { flowSteps, flowCrop } = settings
  const flow = await DenseFlow.create({ architecture: 'denseflow-tiny', seed })
  const trainer = new FlowTrainer(flow, { learningRate: settings.flowLearningRate, seed })
  try {
    context.begin('flow', flowSteps)
    const { bitsPerDim, initialBitsPerDim } = await trainer.fit(train, {
      steps: flowSteps,
      batchSize: 16,
      crop: flowCrop,
      signal,
      onProgress: (progress) => context.progress(progress.step, progress),
    })
    context.end(`${initialBitsPerDim.toFixed(2)} → ${bitsPerDim.toFixed(2)} bits/dim`)
    return flow
  } catch (error) {
    flow.dispose()
    throw error
  } finally {
    trainer.dispose()
  }
}

/** Teaches a closed-set segmenter what is unknown, and trains the flow of synthetic negatives along. */
export async function trainHybrid(
  segmenter: Segmenter,
  train: Dataset,
  { negatives, flow }: { negatives: DemoNegatives; flow?: DenseFlow },
  context: StageContext,
): Promise<void> {
  const { settings, seed } = context
  const { epochs, learningRate, betaX, betaD } = settings.hybrid[negatives]
  context.begin('hybrid', epochs, negatives)
  const { cls, x, d } = await trainEpochs(segmenter, train, context, epochs, {
    objective: 'hybrid',
    negatives: sourceOf(negatives, flow, settings, seed),
    ...(flow && { flow, flowLearningRate: settings.flowJointLearningRate, jsdWeight: settings.jsdWeight }),
    learningRate,
    betaX,
    betaD,
  })
  context.end(`cls ${cls.toFixed(2)}  x ${x.toFixed(2)}  d ${d.toFixed(2)}`)
}

function sourceOf(
  kind: DemoNegatives,
  flow: DenseFlow | undefined,
  { negativeArea, flowSides }: DemoSettings,
  seed: number,
): NegativeSource {
  const real = sceneNegatives({ seed, areaRange: negativeArea })
  if (flow === undefined) return real
  const samples = synthetic(flow, { sides: flowSides })
  return kind === 'mixed' ? mix(real, samples, 0.5) : samples
}

/** The threshold of every detector at which it finds 95 % of the unknown pixels. */
export async function calibrate(
  segmenter: Segmenter,
  val: Dataset,
  negatives: DemoNegatives,
  context: StageContext,
): Promise<Record<string, Calibration>> {
  context.begin('calibration', val.length, negatives)
  const calibrations = await calibrateModel(segmenter, val, {
    signal: context.signal,
    onProgress: ({ done }) => context.progress(done),
  })
  context.end(`τ = ${calibrations.hybrid.threshold.toFixed(2)} at TPR 95 %`)
  return calibrations
}

/** All detectors on scenes with unknown objects of other kinds. */
export async function evaluate(
  segmenter: Segmenter,
  test: Dataset,
  { negatives, calibrations }: { negatives: DemoNegatives; calibrations: Record<string, Calibration> },
  context: StageContext,
): Promise<Evaluation> {
  context.begin('evaluation', test.length, negatives)
  const evaluation = await evaluateModel(segmenter, test, {
    thresholds: thresholdsOf(calibrations),
    signal: context.signal,
    onProgress: ({ done }) => context.progress(done),
  })
  context.end(`${test.length} images`)
  return evaluation
}

async function trainEpochs(
  segmenter: Segmenter,
  train: Dataset,
  { settings, seed, signal, progress }: StageContext,
  epochs: number,
  trainerOptions: TrainerOptions & { learningRate: number },
) {
  const { batchSize, crop, scale } = settings
  const isHybrid = trainerOptions.objective === 'hybrid'
  const loader = new DataLoader(train, { batchSize, crop, scale, seed: isHybrid ? seed + 1 : seed })
  const minLearningRate = trainerOptions.learningRate / 100
  const trainer = new Trainer(segmenter, {
    ...trainerOptions,
    minLearningRate,
    // Not from pre-trained weights: the whole network learns alike, and the statistics must follow.
    backboneFactor: 1,
    batchNormMomentum: 0.1,
    schedule: 'cosine-step',
    seed,
  })
  try {
    const { losses } = await trainer.fit(loader, {
      epochs,
      signal,
      onProgress: (done) => progress(done.step / loader.batchesPerEpoch, done),
    })
    return losses
  } finally {
    trainer.dispose()
  }
}

function thresholdsOf(calibrations: Readonly<Record<string, Calibration>>) {
  const entries = Object.entries(calibrations).map(([name, { threshold }]) => [name, threshold])
  return Object.fromEntries(entries) as Partial<Record<ScoreName, number>>
}
