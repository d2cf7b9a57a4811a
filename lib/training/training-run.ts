import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Dataset } from '../data/dataset.ts'
import { DataLoader, type DataLoaderOptions } from '../data/loader.ts'
import { DenseHybridError } from '../errors.ts'
import { measureClosedSet } from '../evaluation/evaluate-model.ts'
import type { NegativeSource } from '../negatives/types.ts'
import { drawSamples, writeSamplesBeforeAfter } from '../report/flow-samples.ts'
import { insideOf, type Segmenter } from '../segmenter.ts'
import { checkInteger } from '../validate.ts'
import { describeTraining, type TrainingData } from './describe-training.ts'
import type { TrainerOptions } from './options.ts'
import type { EpochRecord, Losses, TrainingProgress } from './progress.ts'
import { prepareRunFolder, type RunFolderOptions } from './run-folder.ts'
import { Trainer } from './trainer.ts'
import { FLOW_FILE, MODEL_FILE, STATE_FILE } from './trainer-state.ts'
import { TrainingLog } from './training-log.ts'
import { beginRecord, resumeRecord } from './training-record.ts'

/** The files of a run's folder. */
export const RUN_FILES = {
  model: MODEL_FILE,
  state: STATE_FILE,
  config: 'config.json',
  log: 'log.jsonl',
  flow: FLOW_FILE,
  /** Of the flow, before and after joint training. */
  flowSamples: 'flow-samples.png',
} as const

/** Options of {@link trainInFolder}. Exactly one of `epochs` and `steps` is given. */
export interface TrainingRunOptions extends RunFolderOptions {
  /** Makes the model to be trained; not called when a run is resumed. */
  readonly createSegmenter: () => Promise<Segmenter>
  /** Labels must be those of the model. */
  readonly dataset: Dataset
  /** What `dataset` was made of, for the record in the checkpoint. Default: itself. */
  readonly data?: readonly TrainingData[]
  /** Closed-set mIoU is measured on it after every epoch. */
  readonly validation?: Dataset
  readonly negatives?: NegativeSource
  /** What `negatives` were opened from. */
  readonly negativesSpec?: string
  readonly loader: DataLoaderOptions
  /** Of a resumed run. Default: the one it had. */
  readonly device?: string
  /** Kept by a resumed run. */
  readonly trainer: Omit<TrainerOptions, 'negatives'>
  readonly epochs?: number
  readonly steps?: number
  /** Steps between two lines of log.jsonl. Default 10. */
  readonly logEvery?: number
  readonly signal?: AbortSignal
  readonly onStart?: (start: { segmenter: Segmenter; step: number; steps: number }) => void
  readonly onProgress?: (progress: TrainingProgress) => void
  readonly onEpoch?: (record: { epoch: number; validation?: { mIoU: number } }) => void
}

/** What a finished run leaves. */
export interface TrainingRun {
  /** To be disposed by the caller. */
  readonly segmenter: Segmenter
  /** Path of the checkpoint. */
  readonly model: string
  readonly epoch: number
  readonly step: number
  readonly losses: Losses
  readonly history: readonly EpochRecord[]
}

/**
 * Trains a model and keeps everything about it in a folder: model.safetensors, trainer.safetensors (to resume),
 * config.json and log.jsonl; with a flow also flow.safetensors and flow-samples.png. The checkpoint says how it was
 * trained: options, hashes of the data, and the training that the model had before.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the folder holds a run already, or a resumed run has other options;
 * NOT_FOUND where there is nothing to resume; the errors of `Trainer`; ABORTED after the state was saved
 */
export async function trainInFolder(options: TrainingRunOptions): Promise<TrainingRun> {
  const { dir, mode, dataset, validation, signal } = options
  const loader = new DataLoader(dataset, options.loader)
  const logEvery = checkInteger('logEvery', options.logEvery ?? 10, 1)
  await prepareRunFolder(options, RUN_FILES)
  // Before a resumed run gives the flow the weights that it had reached.
  const { flow } = options.trainer
  const before = flow && (await drawSamples(flow, signal))
  const trainer = mode === 'resume' ? await resumeTrainer(options) : await newTrainer(options)
  const { segmenter } = trainer
  try {
    await recordTraining(segmenter, options)
    const log = new TrainingLog(join(dir, RUN_FILES.log), logEvery)
    const { epochs, steps } = options
    const started = trainer.position.epoch * loader.batchesPerEpoch + trainer.position.batch
    await log.rewind(started)
    await writeFileAtomic(join(dir, RUN_FILES.config), `${JSON.stringify(options.config, null, 2)}\n`)
    options.onStart?.({ segmenter, step: started, steps: steps ?? (epochs ?? 0) * loader.batchesPerEpoch })
    const result = await trainer.fit(loader, {
      ...(steps === undefined ? { epochs } : { steps }),
      signal,
      checkpointDir: dir,
      onProgress: (progress) => {
        log.add(progress)
        options.onProgress?.(progress)
      },
      validate: async (model, epoch) => {
        const measured = validation && { mIoU: await measureClosedSet(model, validation, { signal }) }
        if (measured !== undefined) log.addValidation(epoch, measured)
        options.onEpoch?.({ epoch, ...(measured && { validation: measured }) })
        return measured
      },
    })
    if (flow && before) await writeSamplesBeforeAfter(join(dir, RUN_FILES.flowSamples), before, flow, signal)
    return { segmenter, model: join(dir, RUN_FILES.model), ...result }
  } catch (error) {
    segmenter.dispose()
    throw error
  } finally {
    trainer.dispose()
  }
}

/** Notes in the model how it is trained; `Trainer` adds how far. */
async function recordTraining(segmenter: Segmenter, options: TrainingRunOptions): Promise<void> {
  const inside = insideOf(segmenter)
  const known = await describeTraining(options)
  const { training } = inside.metadata
  const resumed = options.mode === 'resume' && training !== undefined
  inside.metadata = {
    ...inside.metadata,
    training: resumed
      ? resumeRecord(training, known)
      : beginRecord(training, options.trainer.objective, known),
  }
}

async function newTrainer({ createSegmenter, trainer, negatives }: TrainingRunOptions): Promise<Trainer> {
  const segmenter = await createSegmenter()
  try {
    return new Trainer(segmenter, { ...trainer, ...(negatives && { negatives }) })
  } catch (error) {
    segmenter.dispose()
    throw error
  }
}

async function resumeTrainer(options: TrainingRunOptions): Promise<Trainer> {
  const { dir, negatives, dataset, device } = options
  const { flow } = options.trainer
  const trainer = await Trainer.resume(dir, {
    ...(negatives && { negatives }),
    ...(flow && { flow }),
    ...(device && { device }),
  })
  const { classes } = trainer.segmenter
  if (classes.length === dataset.classes.length && classes.every((name, k) => name === dataset.classes[k]))
    return trainer
  trainer.segmenter.dispose()
  trainer.dispose()
  throw new DenseHybridError(
    'INVALID_ARGUMENT',
    `The run in ${dir} has the classes ${classes.join(', ')}, but ${dataset.name} has ${dataset.classes.join(', ')}.`,
    { hint: 'Resume with the same data and the same held-out classes.' },
  )
}
