import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { cached } from '../data/cached.ts'
import type { Dataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import { fileError } from '../data/read-bytes.ts'
import { sceneNegatives, scenes } from '../data/scenes/index.ts'
import { DenseHybridError } from '../errors.ts'
import type { Calibration } from '../evaluation/calibrate.ts'
import type { Evaluation } from '../evaluation/evaluate-images.ts'
import { calibrateModel, evaluateModel, measureClosedSet } from '../evaluation/evaluate-model.ts'
import { evaluationJson } from '../evaluation/export.ts'
import type { ScoreName } from '../scores.ts'
import { Segmenter } from '../segmenter.ts'
import type { TrainerOptions } from '../training/options.ts'
import type { TrainingProgress } from '../training/progress.ts'
import { Trainer } from '../training/trainer.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { writeDemoReport } from './report.ts'
import { type DemoSettings, FAST_DEMO, FULL_DEMO } from './settings.ts'

/** The parts of a demo, in order. */
export type DemoStage = 'closed-set' | 'hybrid' | 'calibration' | 'evaluation' | 'report'

/** Tells a demo's caller what happens. */
export interface DemoEvents {
  /** A stage begins; `total` is its number of epochs or images. */
  onStage?(stage: DemoStage, total: number): void
  /** `done` of the stage's total; `training` while a model is trained. */
  onProgress?(stage: DemoStage, done: number, training?: TrainingProgress): void
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

const OPTION_NAMES = ['out', 'seed', 'fast', 'overwrite', 'signal', 'onStage', 'onProgress', 'onStageEnd']

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
    await trainHybrid(segmenter, train, { ...options, seed, settings })
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

async function trainHybrid(segmenter: Segmenter, train: Dataset, options: Stage): Promise<void> {
  const { settings, seed } = options
  const { cls, x, d } = await trainEpochs('hybrid', segmenter, train, options, settings.hybridEpochs, {
    objective: 'hybrid',
    negatives: sceneNegatives({ seed, areaRange: settings.negativeArea }),
    learningRate: settings.hybridLearningRate,
    betaX: settings.betaX,
    betaD: settings.betaD,
  })
  options.onStageEnd?.('hybrid', `cls ${cls.toFixed(2)}  x ${x.toFixed(2)}  d ${d.toFixed(2)}`)
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
