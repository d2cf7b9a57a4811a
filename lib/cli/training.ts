import type { Precision } from '../binding/native.ts'
import type { Dataset } from '../data/dataset.ts'
import type { NegativeSource } from '../negatives/types.ts'
import type { Segmenter } from '../segmenter.ts'
import type { TrainingData } from '../training/describe-training.ts'
import type { TrainerOptions } from '../training/options.ts'
import type { CommandContext, HelpRow } from './command.ts'
import {
  choice,
  type Flags,
  integer,
  number,
  pair,
  size,
  text,
  texts,
  toggle,
  type Values,
  words,
} from './flags.ts'
import { savedConfig } from './options.ts'
import { makeSampler, samplingFlag } from './sampling.ts'
import { UsageError } from './usage-error.ts'

/** Flags that closed-set training and fine-tuning share. */
export const TRAINING_FLAGS = {
  data: texts('SPEC', { required: true }),
  val: text('SPEC'),
  holdOut: words('NAMES'),
  out: text('DIR', { required: true }),
  resume: toggle(),
  overwrite: toggle(),
  steps: integer(1, 1e9),
  batch: integer(1, 4096, { default: 8 }),
  crop: size({ default: [256, 256] }),
  scale: pair(0.01, { default: [0.5, 2], placeholder: 'A,B' }),
  flip: number(0, 1, { default: 0.5, placeholder: 'P' }),
  sampling: samplingFlag(),
  schedule: choice(['cosine-epoch', 'cosine-step', 'constant'], {
    default: 'cosine-epoch',
    placeholder: 'NAME',
  }),
  clipNorm: number(0, Infinity, { default: 0 }),
  freeze: choice(['nothing', 'backbone', 'all-but-head'], { default: 'nothing', placeholder: 'WHAT' }),
  checkpointing: choice(['auto', 'on', 'off'], { default: 'auto', placeholder: 'WHEN' }),
  precision: choice(['auto', 'float32', 'bf16'], { default: 'auto', placeholder: 'NAME' }),
  seed: integer(0, 2 ** 31 - 1, { default: 0 }),
  device: text('NAME', { default: 'cpu' }),
  threads: integer(1, 1024),
  logEvery: integer(1, 1e9, { default: 10 }),
} satisfies Flags

/** Help of {@link TRAINING_FLAGS}: data and folder, but for `out`. */
export const RUN_HELP: readonly HelpRow[] = [
  ['data,val', 'data sets; repeat --data to join. For mIoU'],
  ['resume,overwrite', 'go on with the run in --out, or replace it'],
]

/** Help of {@link TRAINING_FLAGS}: how to train. */
export const OPTIMISER_HELP: readonly HelpRow[] = [
  ['batch,crop', 'images a step ({batch}), training crop ({crop})'],
  ['scale,flip', 'random scale ({scale}) and mirroring ({flip})'],
  ['sampling', 'shuffle, class-uniform:SHARE or mix:A,B ({sampling})'],
  ['lr,minLr', 'learning rate, first and last ({lr}, {minLr})'],
  ['schedule', 'cosine-epoch (paper), cosine-step or constant'],
  ['clipNorm', 'largest norm of the gradient; 0 = any ({clipNorm})'],
  ['freeze', 'nothing, backbone or all-but-head ({freeze})'],
  ['checkpointing', 'recompute activations: auto, on, off ({checkpointing})'],
  ['precision', 'auto, float32, bf16; auto = float32 ({precision})'],
  ['device,threads', 'cpu, cuda or cuda:1 ({device}); CPU threads (all)'],
  ['seed,logEvery', 'random seed ({seed}); steps per line of log ({logEvery})'],
]

/** Decoded training images that are kept in memory, in bytes: small data sets are read from disk once. */
const CACHE = 2 ** 30

/** Flags that a resumed run may be given anew. */
const CHANGEABLE: readonly string[] = ['epochs', 'steps', 'val', 'out', 'device', 'threads', 'log-every']

/** What the two training commands have to tell about their run. */
export interface TrainingCommand {
  readonly title: string
  readonly dataset: Dataset
  /** What it was made of. */
  readonly data: readonly TrainingData[]
  readonly validation?: Dataset
  readonly negatives?: NegativeSource
  readonly negativesSpec?: string
  readonly createSegmenter: () => Promise<Segmenter>
  readonly trainer: Omit<TrainerOptions, 'negatives'>
  readonly epochs?: number
  /** What to type next. */
  readonly next: (model: string) => string
}

type TrainingValues = Values<typeof TRAINING_FLAGS> & { json?: boolean }

/** Runs a training, shows its progress, and says where to look next. */
export async function runTraining(
  command: TrainingCommand,
  options: TrainingValues,
  { ui, signal }: CommandContext,
): Promise<undefined> {
  const { RUN_FILES, trainInFolder } = await import('../training/training-run.ts')
  const { cached } = await import('../data/cached.ts')
  const { data, validation, negatives, negativesSpec } = command
  const dataset = cached(command.dataset, CACHE)
  const sampler = await makeSampler(dataset, data, options.sampling, { ui, signal })
  let progress: ReturnType<typeof ui.progress> | undefined
  let measured = ''
  let started = false
  const run = await trainInFolder({
    dir: options.out,
    mode: options.resume ? 'resume' : options.overwrite ? 'overwrite' : 'new',
    createSegmenter: command.createSegmenter,
    dataset,
    data,
    ...(validation && { validation }),
    ...(negatives && { negatives }),
    ...(negativesSpec && { negativesSpec }),
    loader: {
      batchSize: options.batch,
      crop: options.crop,
      scale: options.scale,
      flip: options.flip,
      ...(sampler && { sampler }),
      seed: options.seed,
    },
    trainer: command.trainer,
    ...(options.steps === undefined ? { epochs: command.epochs } : { steps: options.steps }),
    config: savedConfig(options),
    changeable: CHANGEABLE,
    device: options.device,
    logEvery: options.logEvery,
    signal,
    onStart: ({ segmenter, step, steps }) => {
      started = true
      ui.note(
        `${segmenter.architecture}, ${(segmenter.parameterCount / 1e6).toFixed(1)} M parameters, ` +
          `${segmenter.classes.length} classes, on ${segmenter.device}; ${dataset.length} images of ${dataset.name}`,
      )
      if (step > 0) ui.note(`Resuming after step ${step}.`)
      progress = ui.progress(command.title, steps, 'steps')
    },
    onProgress: ({ epoch, epochs, step, losses, imagesPerSecond, waiting }) => {
      const terms =
        command.negatives === undefined
          ? `loss ${losses.total.toFixed(3)}`
          : `cls ${losses.cls.toFixed(3)} x ${losses.x.toFixed(2)} d ${losses.d.toFixed(3)}`
      const flow =
        losses.mle === undefined ? '' : `mle ${losses.mle.toFixed(2)} jsd ${losses.jsd?.toFixed(3)}`
      const slow = waiting > 0.5 ? `waiting for data ${Math.round(100 * waiting)} %` : ''
      const parts = [
        `epoch ${epoch + 1}/${epochs}`,
        terms,
        flow,
        measured,
        `${imagesPerSecond.toFixed(1)} img/s`,
        slow,
      ]
      progress?.update(step, parts.filter((part) => part !== '').join('  '))
    },
    onEpoch: ({ validation: result }) => {
      if (result !== undefined) measured = `mIoU ${(100 * result.mIoU).toFixed(1)}`
    },
  }).catch((error) => {
    progress?.stop()
    if (started && signal.aborted) ui.note(`State saved in ${options.out}. To go on, add --resume.`)
    throw error
  })
  run.segmenter.dispose()
  progress?.stop([`loss ${run.losses.total.toFixed(3)}`, measured].filter((part) => part !== '').join('  '))
  if (options.json) {
    const { epoch, step, losses, history, model } = run
    ui.json({ model, epoch, step, losses, validation: history.at(-1)?.validation ?? null })
  } else {
    ui.result(`${run.model}\nLosses of every ${options.logEvery} steps: ${options.out}/${RUN_FILES.log}`)
    if (command.trainer.flow !== undefined) {
      const { flow, flowSamples } = RUN_FILES
      const files = `${options.out}/${flow}; its samples before and after: ${options.out}/${flowSamples}`
      ui.result(`The flow, trained along: ${files}`)
    }
    ui.note(`Next: ${command.next(run.model)}`)
  }
}

/** Opens and joins the data sets of `--data`, and opens the one of `--val`. */
export async function openTrainingData(
  options: Pick<TrainingValues, 'data' | 'val'>,
  signal: AbortSignal,
): Promise<{ dataset: Dataset; data: readonly TrainingData[]; validation?: Dataset }> {
  const { openDataset } = await import('../data/registry.ts')
  const all = await openAll(options.data, signal)
  const dataset = await join(all)
  const data = all.map((one, i) => ({ spec: options.data[i], dataset: one }))
  checkLabelled('--data', dataset)
  if (options.val === undefined) return { dataset, data }
  const validation = await openDataset(options.val, { signal })
  checkLabelled('--val', validation)
  return { dataset, data, validation }
}

/** Opens data sets and joins them. */
export async function openJoined(specs: readonly string[], signal: AbortSignal): Promise<Dataset> {
  return join(await openAll(specs, signal))
}

async function openAll(specs: readonly string[], signal: AbortSignal): Promise<Dataset[]> {
  const { openDataset } = await import('../data/registry.ts')
  return Promise.all(specs.map((spec) => openDataset(spec, { signal })))
}

async function join(all: readonly Dataset[]): Promise<Dataset> {
  const { concat } = await import('../data/subset.ts')
  return all.length === 1 ? all[0] : concat(all)
}

function checkLabelled(flag: string, { name, classes }: Dataset): void {
  if (classes.length > 0) return
  throw new UsageError(`expected a data set with class labels for ${flag} but ${name} has none`)
}

/** Tells about a download of weights, at its start and at its end. */
export function downloadProgress({ ui }: CommandContext): (bytes: number, total: number | undefined) => void {
  let begun = false
  return (bytes, total) => {
    const size = total === undefined ? '' : ` (${(total / 1e6).toFixed(0)} MB)`
    if (!begun) ui.note(`Fetching weights${size} …`)
    begun = true
    if (bytes === total) ui.note('Fetched.')
  }
}

/** What is trained and how much memory that takes, as the trainer wants it. */
export function trainingScope(
  options: Pick<TrainingValues, 'freeze' | 'checkpointing'>,
): Pick<TrainerOptions, 'freeze' | 'gradientCheckpointing'> {
  const { freeze, checkpointing } = options
  return {
    freeze,
    gradientCheckpointing: checkpointing === 'auto' ? 'auto' : checkpointing === 'on',
  }
}

/** The precision of training: bf16 only where it is asked for, as the weights' updates are small against its steps. */
export function trainingPrecision(precision: 'auto' | Precision): Precision {
  return precision === 'auto' ? 'float32' : precision
}

/** Flags that exclude each other. */
export function checkTrainingFlags(options: TrainingValues & { epochs?: number }): void {
  if (options.resume && options.overwrite) throw new UsageError('--resume and --overwrite exclude each other')
}

/** Sets the number of CPU threads where it was given. */
export async function applyThreads(threads: number | undefined): Promise<void> {
  if (threads === undefined) return
  const { loadNative } = await import('../binding/load.ts')
  loadNative().setThreads(threads)
}
