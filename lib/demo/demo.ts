import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { cached } from '../data/cached.ts'
import type { Dataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import { fileError } from '../data/read-bytes.ts'
import { sceneNegatives, scenes } from '../data/scenes/index.ts'
import { DenseFlow } from '../dense-flow.ts'
import { DenseHybridError } from '../errors.ts'
import type { Calibration } from '../evaluation/calibrate.ts'
import type { Evaluation } from '../evaluation/evaluate-images.ts'
import { calibrateModel, evaluateModel, measureClosedSet } from '../evaluation/evaluate-model.ts'
import { evaluationJson } from '../evaluation/export.ts'
import { mix } from '../negatives/mix.ts'
import { synthetic } from '../negatives/synthetic.ts'
import { writePatchGrid } from '../report/patch-grid.ts'
import type { ScoreName } from '../scores.ts'
import { Segmenter } from '../segmenter.ts'
import type { FlowProgress } from '../training/flow-fit.ts'
import { FlowTrainer } from '../training/flow-trainer.ts'
import type { TrainerOptions } from '../training/options.ts'
import type { TrainingProgress } from '../training/progress.ts'
import { Trainer } from '../training/trainer.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { writeDemoReport } from './report.ts'
import { type DemoSettings, FAST_DEMO, FULL_DEMO } from './settings.ts'

/** The parts of a demo, in order; `flow` only with synthetic negatives. */
export type DemoStage = 'closed-set' | 'flow' | 'hybrid' | 'calibration' | 'evaluation' | 'report'

/** Generated objects, samples of a flow that is trained on the scenes, or both, each with probability one half. */
export type DemoNegatives = 'real' | 'synthetic' | 'mixed'

/** Tells a demo's caller what happens. */
export interface DemoEvents {
  /** A stage begins; `total` is its number of epochs, steps or images. */
  onStage?(stage: DemoStage, total: number): void
  /** `done` of the stage's total; `training` while a model is trained. */
  onProgress?(stage: DemoStage, done: number, training?: TrainingProgress | FlowProgress): void
  /** A stage has ended; `summary` says what came out. */
  onStageEnd?(stage: DemoStage, summary: string): void
}

/** Options of {@link runDemo}. */
export interface DemoOptions extends DemoEvents {
  /** Folder of the results: model.safetensors, metrics.json, index.html, pictures. */
  readonly out: string
  /** Of scenes, weights and batches. Default 0. */
  readonly seed?: number
  /** Fewer scenes and epochs. Default false. */
  readonly fast?: boolean
  /** Default 'real'. */
  readonly negatives?: DemoNegatives
  /** Replace the results of an earlier demo. Default false. */
  readonly overwrite?: boolean
  readonly signal?: AbortSignal
}

/** What a demo leaves. */
export interface DemoResult {
  readonly report: string
  readonly model: string
  readonly metrics: string
  readonly calibration: Calibration
  readonly evaluation: Evaluation
}

const OPTION_NAMES = [
  'out',
  'seed',
  'fast',
  'negatives',
  'overwrite',
  'signal',
  'onStage',
  'onProgress',
  'onStageEnd',
]

/**
 * The whole method on the embedded street scenes: closed-set training, hybrid fine-tuning with generated negatives,
 * calibration on scenes with other unknown objects than those of the test, evaluation of every detector, and a report.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where `out` holds an earlier demo; NATIVE_MISSING, IO, ABORTED
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  checkOptionNames('runDemo', options, OPTION_NAMES)
  const { out, signal } = options
  if (typeof out !== 'string' || out === '') throw invalid('out', 'the path of a folder', out)
  const seed = checkInteger('seed', options.seed ?? 0, 0, 2 ** 31 - 2)
  const settings = options.fast ? FAST_DEMO : FULL_DEMO
  const negatives = checkOneOf('negatives', options.negatives ?? 'real', ['real', 'synthetic', 'mixed'])
  await prepareFolder(out, options.overwrite ?? false)
  const [train, val, test] = (['train', 'val', 'test'] as const).map((split) =>
    cached(scenes({ split, length: settings.scenes[split], seed }), 2 ** 30),
  )
  const segmenter = await Segmenter.create({
    architecture: 'ladder-densenet-tiny',
    classes: [...train.classes],
    seed,
  })
  try {
    await trainClosedSet(segmenter, train, val, { ...options, seed, settings })
    await trainHybrid(segmenter, train, { ...options, negatives, seed, settings })
    const calibrations = await calibrate(segmenter, val, options)
    const model = join(out, 'model.safetensors')
    const { hybrid } = calibrations
    segmenter.threshold = hybrid.threshold
    await segmenter.save(model, { calibration: { ...hybrid, data: val.name } })
    const evaluation = await evaluate(segmenter, test, calibrations, options)
    const metrics = join(out, 'metrics.json')
    await writeFileAtomic(metrics, `${evaluationJson(evaluation)}\n`)
    options.onStage?.('report', 1)
    const report = await writeDemoReport(out, { segmenter, test, evaluation, seed, settings, signal })
    options.onStageEnd?.('report', report)
    return { report, model, metrics, calibration: hybrid, evaluation }
  } finally {
    segmenter.dispose()
  }
}

type Stage = DemoOptions & { seed: number; settings: DemoSettings }

async function trainClosedSet(
  segmenter: Segmenter,
  train: Dataset,
  val: Dataset,
  options: Stage,
): Promise<void> {
  const { settings, signal } = options
  const losses = await trainEpochs('closed-set', segmenter, train, options, settings.closedEpochs, {
    objective: 'closed-set',
    learningRate: settings.closedLearningRate,
  })
  const mIoU = await measureClosedSet(segmenter, val, { signal })
  options.onStageEnd?.('closed-set', `loss ${losses.total.toFixed(2)}  mIoU ${(100 * mIoU).toFixed(1)}`)
}

async function trainHybrid(
  segmenter: Segmenter,
  train: Dataset,
  options: Stage & { negatives: DemoNegatives },
): Promise<void> {
  const { settings, seed, negatives } = options
  const real = sceneNegatives({ seed, areaRange: settings.negativeArea })
  const flow = negatives === 'real' ? undefined : await trainFlow(train, options)
  const samples = flow && synthetic(flow, { sides: settings.flowSides })
  const source = samples === undefined ? real : negatives === 'mixed' ? mix(real, samples, 0.5) : samples
  try {
    const { cls, x, d } = await trainEpochs('hybrid', segmenter, train, options, settings.hybridEpochs, {
      objective: 'hybrid',
      negatives: source,
      ...(flow && { flow, flowLearningRate: settings.flowJointLearningRate, jsdWeight: settings.jsdWeight }),
      learningRate: settings.hybridLearningRate,
      betaX: settings.betaX,
      betaD: settings.betaD,
    })
    await flow?.save(join(options.out, 'flow.safetensors'))
    options.onStageEnd?.('hybrid', `cls ${cls.toFixed(2)}  x ${x.toFixed(2)}  d ${d.toFixed(2)}`)
  } finally {
    flow?.dispose()
  }
}

/** A small flow on crops of the training scenes, by maximum likelihood; to be disposed by the caller. */
async function trainFlow(train: Dataset, options: Stage): Promise<DenseFlow> {
  const { settings, seed, signal, out } = options
  const { flowSteps, flowCrop } = settings
  const flow = await DenseFlow.create({ architecture: 'denseflow-tiny', seed })
  const trainer = new FlowTrainer(flow, { learningRate: settings.flowLearningRate, seed })
  try {
    options.onStage?.('flow', flowSteps)
    const { bitsPerDim, initialBitsPerDim } = await trainer.fit(train, {
      steps: flowSteps,
      batchSize: 16,
      crop: flowCrop,
      signal,
      onProgress: (progress) => options.onProgress?.('flow', progress.step, progress),
    })
    const { patches } = await flow.sample({ n: 64, height: flowCrop, width: flowCrop, seed, signal })
    await writePatchGrid(join(out, 'flow-samples.png'), patches, { signal })
    options.onStageEnd?.('flow', `${initialBitsPerDim.toFixed(2)} → ${bitsPerDim.toFixed(2)} bits/dim`)
    return flow
  } catch (error) {
    flow.dispose()
    throw error
  } finally {
    trainer.dispose()
  }
}

async function trainEpochs(
  stage: 'closed-set' | 'hybrid',
  segmenter: Segmenter,
  train: Dataset,
  { settings, seed, signal, onStage, onProgress }: Stage,
  epochs: number,
  trainerOptions: TrainerOptions & { learningRate: number },
) {
  const { batchSize, crop, scale } = settings
  const loader = new DataLoader(train, { batchSize, crop, scale, seed: stage === 'hybrid' ? seed + 1 : seed })
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
    onStage?.(stage, epochs)
    const { losses } = await trainer.fit(loader, {
      epochs,
      signal,
      onProgress: (progress) => onProgress?.(stage, progress.step / loader.batchesPerEpoch, progress),
    })
    return losses
  } finally {
    trainer.dispose()
  }
}

async function calibrate(
  segmenter: Segmenter,
  val: Dataset,
  options: DemoOptions,
): Promise<Record<string, Calibration>> {
  options.onStage?.('calibration', val.length)
  const calibrations = await calibrateModel(segmenter, val, {
    signal: options.signal,
    onProgress: ({ done }) => options.onProgress?.('calibration', done),
  })
  options.onStageEnd?.('calibration', `τ = ${calibrations.hybrid.threshold.toFixed(2)} at TPR 95 %`)
  return calibrations
}

async function evaluate(
  segmenter: Segmenter,
  test: Dataset,
  calibrations: Readonly<Record<string, Calibration>>,
  options: DemoOptions,
): Promise<Evaluation> {
  options.onStage?.('evaluation', test.length)
  const thresholds: Partial<Record<ScoreName, number>> = {}
  for (const [name, { threshold }] of Object.entries(calibrations)) thresholds[name as ScoreName] = threshold
  const evaluation = await evaluateModel(segmenter, test, {
    thresholds,
    signal: options.signal,
    onProgress: ({ done }) => options.onProgress?.('evaluation', done),
  })
  options.onStageEnd?.('evaluation', `${test.length} images`)
  return evaluation
}

async function prepareFolder(out: string, overwrite: boolean): Promise<void> {
  const earlier = await access(join(out, 'metrics.json')).then(
    () => true,
    () => false,
  )
  if (earlier && !overwrite) {
    throw new DenseHybridError('INVALID_ARGUMENT', `${out} holds the results of an earlier demo.`, {
      hint: 'Replace them with --overwrite, or choose another folder with --out.',
    })
  }
  await mkdir(out, { recursive: true }).catch((error) => {
    throw fileError(out, error)
  })
}
