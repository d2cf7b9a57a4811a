import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { cached } from '../data/cached.ts'
import type { Dataset } from '../data/dataset.ts'
import { fileError } from '../data/read-bytes.ts'
import { scenes } from '../data/scenes/index.ts'
import { DenseFlow } from '../dense-flow.ts'
import { DenseHybridError } from '../errors.ts'
import type { Calibration } from '../evaluation/calibrate.ts'
import type { Evaluation } from '../evaluation/evaluation.ts'
import { evaluationJson } from '../evaluation/export.ts'
import { drawSamples, writeSamplesBeforeAfter } from '../report/flow-samples.ts'
import { Segmenter } from '../segmenter.ts'
import type { FlowProgress } from '../training/flow-fit.ts'
import type { TrainingProgress } from '../training/progress.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { writeDemoReport } from './report.ts'
import { DEMO_NEGATIVES, type DemoNegatives, FAST_DEMO, FULL_DEMO } from './settings.ts'
import {
  calibrate,
  evaluate,
  type StageContext,
  type StageKind,
  trainClosedSet,
  trainFlow,
  trainHybrid,
} from './stages.ts'

/** A part of a demo that has a line of progress of its own. */
export interface DemoStage {
  readonly kind: StageKind
  /** From 1 to `count`, the number of stages of this demo. */
  readonly number: number
  readonly count: number
  /** What the model of this stage learns from; absent where all kinds share the stage. */
  readonly negatives?: DemoNegatives
}

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
  /** Folder of the results: models, metrics.json, index.html, pictures. */
  readonly out: string
  /** Of scenes, weights and batches. Default 0. */
  readonly seed?: number
  /** Fewer scenes and epochs. Default false. */
  readonly fast?: boolean
  /** One model is fine-tuned with each of these kinds. Default ['real']. */
  readonly negatives?: readonly DemoNegatives[]
  /** Replace the results of an earlier demo. Default false. */
  readonly overwrite?: boolean
  readonly signal?: AbortSignal
}

/** A model that was fine-tuned with one kind of negatives. */
export interface DemoVariant {
  readonly negatives: DemoNegatives
  /** Paths of the checkpoint and of the metrics; with several kinds in a folder of its own. */
  readonly model: string
  readonly metrics: string
  readonly calibration: Calibration
  readonly evaluation: Evaluation
  /** The flow after joint training, and a picture of its samples before and after; with synthetic negatives. */
  readonly flow?: { readonly checkpoint: string; readonly samples: string }
}

/** What a demo leaves. */
export interface DemoResult {
  readonly report: string
  /** The checkpoint that every variant started from, and its detectors that need no fine-tuning. */
  readonly closedSet: { readonly model: string; readonly evaluation: Evaluation }
  readonly variants: readonly DemoVariant[]
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
 * The whole method on the embedded street scenes: closed-set training, hybrid fine-tuning with negatives, calibration on
 * scenes with other unknown objects than those of the test, evaluation of every detector, and a report.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where `out` holds an earlier demo; NATIVE_MISSING, IO, ABORTED
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  checkOptionNames('runDemo', options, OPTION_NAMES)
  const { out, signal } = options
  if (typeof out !== 'string' || out === '') throw invalid('out', 'the path of a folder', out)
  const seed = checkInteger('seed', options.seed ?? 0, 0, 2 ** 31 - 2)
  const kinds = checkKinds(options.negatives ?? ['real'])
  const settings = options.fast ? FAST_DEMO : FULL_DEMO
  await prepareFolder(out, options.overwrite ?? false)
  const [train, val, test] = (['train', 'val', 'test'] as const).map((split) =>
    cached(scenes({ split, length: settings.scenes[split], seed }), 2 ** 30),
  )
  const context: StageContext = { settings, seed, signal, ...stageEvents(options, kinds) }
  const segmenters: Segmenter[] = []
  const opened = async (segmenter: Promise<Segmenter>) => {
    segmenters.push(await segmenter)
    return segmenter
  }
  try {
    const classes = [...train.classes]
    const closed = await opened(Segmenter.create({ architecture: 'ladder-densenet-tiny', classes, seed }))
    const closedSet = {
      evaluation: await trainClosedSet(closed, { train, val, test }, context),
      model: join(out, 'closed.safetensors'),
    }
    await closed.save(closedSet.model)
    const flowPath = join(out, 'flow-likelihood.safetensors')
    if (kinds.some(needsFlow)) await saveFlow(await trainFlow(train, context), flowPath)
    const results: { variant: DemoVariant; segmenter: Segmenter }[] = []
    for (const negatives of kinds) {
      const folder = kinds.length === 1 ? out : join(out, negatives)
      await mkdir(folder, { recursive: true })
      const segmenter = await opened(Segmenter.load(closedSet.model))
      const flow = needsFlow(negatives)
        ? await trainWithFlow(segmenter, train, { negatives, flowPath, folder }, context)
        : await trainHybrid(segmenter, train, { negatives }, context)
      const measured = await measure(segmenter, { val, test }, { negatives, folder }, context)
      results.push({ variant: { negatives, ...measured, ...(flow && { flow }) }, segmenter })
    }
    context.begin('report', 1)
    const report = await writeDemoReport(out, {
      closedSet: closedSet.evaluation,
      results,
      test,
      seed,
      settings,
      signal,
    })
    context.end(report)
    return { report, closedSet, variants: results.map(({ variant }) => variant) }
  } finally {
    for (const segmenter of segmenters) segmenter.dispose()
  }
}

const needsFlow = (negatives: DemoNegatives) => negatives !== 'real'

async function saveFlow(flow: DenseFlow, path: string): Promise<void> {
  await flow.save(path).finally(() => flow.dispose())
}

/** Joint training from the flow in a file; leaves the trained flow and a picture of its samples, before and after, in a folder. */
async function trainWithFlow(
  segmenter: Segmenter,
  train: Dataset,
  { negatives, flowPath, folder }: { negatives: DemoNegatives; flowPath: string; folder: string },
  context: StageContext,
): Promise<DemoVariant['flow']> {
  const { signal } = context
  const flow = await DenseFlow.load(flowPath)
  try {
    const before = await drawSamples(flow, signal)
    await trainHybrid(segmenter, train, { negatives, flow }, context)
    const result = { checkpoint: join(folder, 'flow.safetensors'), samples: join(folder, 'flow-samples.png') }
    await writeSamplesBeforeAfter(result.samples, before, flow, signal)
    await flow.save(result.checkpoint)
    return result
  } finally {
    flow.dispose()
  }
}

/** Sets the threshold and saves the model and its metrics. */
async function measure(
  segmenter: Segmenter,
  { val, test }: { val: Dataset; test: Dataset },
  { negatives, folder }: { negatives: DemoNegatives; folder: string },
  context: StageContext,
) {
  const calibrations = await calibrate(segmenter, val, negatives, context)
  const calibration = calibrations.hybrid
  segmenter.threshold = calibration.threshold
  const model = join(folder, 'model.safetensors')
  await segmenter.save(model, { calibration: { ...calibration, data: val.name } })
  const evaluation = await evaluate(segmenter, test, { negatives, calibrations }, context)
  const metrics = join(folder, 'metrics.json')
  await writeFileAtomic(metrics, `${evaluationJson(evaluation)}\n`)
  return { model, metrics, calibration, evaluation }
}

/** Numbers the stages and tells of the one that runs. */
function stageEvents(events: DemoEvents, kinds: readonly DemoNegatives[]) {
  const count = (kinds.some(needsFlow) ? 3 : 2) + 3 * kinds.length
  let stage: DemoStage
  let number = 0
  return {
    begin(kind: StageKind, total: number, negatives?: DemoNegatives) {
      stage = { kind, number: ++number, count, ...(kinds.length > 1 && negatives && { negatives }) }
      events.onStage?.(stage, total)
    },
    progress: (done: number, training?: TrainingProgress | FlowProgress) =>
      events.onProgress?.(stage, done, training),
    end: (summary: string) => events.onStageEnd?.(stage, summary),
  }
}

function checkKinds(kinds: unknown): readonly DemoNegatives[] {
  const expected = `a list of ${DEMO_NEGATIVES.join(', ')} without repetition`
  if (!Array.isArray(kinds) || kinds.length === 0 || new Set(kinds).size !== kinds.length) {
    throw invalid('negatives', expected, kinds)
  }
  for (const kind of kinds) if (!DEMO_NEGATIVES.includes(kind)) throw invalid('negatives', expected, kind)
  return kinds
}

async function prepareFolder(out: string, overwrite: boolean): Promise<void> {
  const earlier = await access(join(out, 'index.html')).then(
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
