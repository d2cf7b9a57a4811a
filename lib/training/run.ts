import type { NativeStepResult } from '../binding/native.ts'
import type { Batch } from '../data/batch.ts'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import type { NegativeSource } from '../negatives/types.ts'
import type { Segmenter } from '../segmenter.ts'
import { invalid } from '../validate.ts'
import type { FitPlan, TrainingLoader } from './fit-options.ts'
import {
  addLosses,
  type EpochRecord,
  emptySums,
  type Losses,
  latestLosses,
  meanLosses,
  RateMeter,
} from './progress.ts'
import { scheduledLearningRate } from './schedule.ts'
import type { TrainerState } from './trainer-state.ts'

/** What `Trainer#fit` returns. */
export interface TrainingResult {
  /** Completed epochs of the run. */
  readonly epoch: number
  /** Completed steps of the run. */
  readonly step: number
  /** Means over the last epoch, or over the steps of the running one. */
  readonly losses: Losses
  /** One record a completed epoch, from the first. */
  readonly history: readonly EpochRecord[]
}

/** The trainer, as its run sees it. */
interface RunningTrainer {
  readonly state: TrainerState
  readonly segmenter: Segmenter
  readonly negatives: NegativeSource | undefined
  /** Are samples of a flow left to the trainer? */
  readonly leaveToFlow: boolean
  step(batch: Batch, learningRate: number): Promise<NativeStepResult>
  save(dir: string): Promise<void>
}

/** Where a run stands: completed epochs, and batches of the running one. */
type Position = Pick<TrainerState, 'epoch' | 'batch' | 'batchesPerEpoch'>

/** Trains from where the state stands to the end of the plan; see `Trainer#fit`. */
export async function runTraining(
  loader: TrainingLoader,
  plan: FitPlan,
  trainer: RunningTrainer,
): Promise<TrainingResult> {
  const { state } = trainer
  checkSameLoader(plan, state)
  state.batchesPerEpoch = plan.batchesPerEpoch
  throwIfAborted(plan.signal)
  try {
    while (completed(plan, state) < plan.steps) {
      await trainEpoch(loader, plan, trainer)
      const ended = completed(plan, state) >= plan.steps
      const due = state.batch === 0 && state.epoch % plan.checkpointEvery === 0
      if (plan.checkpointDir !== undefined && (due || ended)) await trainer.save(plan.checkpointDir)
    }
  } catch (error) {
    const aborted = error instanceof DenseHybridError && error.code === 'ABORTED'
    if (aborted && plan.checkpointDir !== undefined) await trainer.save(plan.checkpointDir)
    throw error
  }
  const losses = latestLosses(state) as Losses
  return { epoch: state.epoch, step: completed(plan, state), losses, history: [...state.history] }
}

async function trainEpoch(loader: TrainingLoader, plan: FitPlan, trainer: RunningTrainer): Promise<void> {
  const { state, negatives, leaveToFlow } = trainer
  const { epochs, steps, signal } = plan
  const meter = new RateMeter()
  let asked = performance.now()
  for await (const batch of loader.epoch(state.epoch, {
    signal,
    negatives,
    start: state.batch,
    ...(leaveToFlow && { leaveToFlow }),
  })) {
    const started = performance.now()
    const learningRate = learningRateAt(completed(plan, state), plan, state)
    // Not cancelled by the signal: a step is finished, so that the state always lies between two steps.
    const {
      gradNorm,
      flowGradNorm: _,
      ...losses
    } = await trainer.step(batch, learningRate).catch((error) => {
      throw whileTraining(error, plan, state, batch)
    })
    state.batch++
    addLosses(state.sums, losses)
    meter.add(batch.images.shape[0], started - asked, performance.now() - started)
    asked = performance.now()
    const step = completed(plan, state)
    plan.onProgress?.({
      epoch: state.epoch,
      epochs,
      step,
      steps,
      losses,
      learningRate,
      gradNorm,
      ...meter.rates(),
    })
    if (step >= steps) break
    throwIfAborted(signal)
  }
  if (state.batch >= plan.batchesPerEpoch) return finishEpoch(plan, trainer)
  if (completed(plan, state) >= steps) return
  throw new DenseHybridError(
    'EMPTY',
    `The loader gave ${state.batch} of ${plan.batchesPerEpoch} batches in epoch ${state.epoch}.`,
  )
}

async function finishEpoch(plan: FitPlan, { state, segmenter }: RunningTrainer): Promise<void> {
  const { epoch } = state
  const learningRate = learningRateAt(completed(plan, state) - 1, plan, state)
  const record: EpochRecord = { epoch, losses: meanLosses(state.sums), learningRate }
  const validation = await plan.validate?.(segmenter, epoch)
  state.history.push(validation === undefined ? record : { ...record, validation })
  state.sums = emptySums()
  state.batch = 0
  state.epoch++
}

/** Completed steps of the run. Steps taken outside of `fit` do not count. */
export function completed(plan: Pick<FitPlan, 'batchesPerEpoch'>, state: Position): number {
  return state.epoch * plan.batchesPerEpoch + state.batch
}

function learningRateAt(step: number, { epochs, steps }: FitPlan, state: TrainerState): number {
  return scheduledLearningRate(state.options, { epoch: state.epoch, epochs, step, steps })
}

/** An epoch can only be resumed with the batches that it began with. */
export function checkSameLoader(plan: Pick<FitPlan, 'batchesPerEpoch'>, state: Position): void {
  if (state.batch === 0 || state.batchesPerEpoch === plan.batchesPerEpoch) return
  throw invalid(
    'loader.batchesPerEpoch',
    `${state.batchesPerEpoch}, as when the run stopped inside epoch ${state.epoch}`,
    plan.batchesPerEpoch,
    'Resume with the same data set, batch size and seed.',
  )
}

/** Names the batch in errors that its content can cause. */
function whileTraining(error: unknown, plan: FitPlan, state: TrainerState, batch: Batch): unknown {
  if (!(error instanceof DenseHybridError)) return error
  if (error.code !== 'NON_FINITE' && error.code !== 'INVALID_ARGUMENT') return error
  const ids = batch.ids?.join(', ') ?? 'unknown'
  const where = `In epoch ${state.epoch}, step ${completed(plan, state)} (images ${ids})`
  const hint =
    error.code === 'NON_FINITE'
      ? 'The weights are those of the step before. Lower learningRate, or set clipNorm.'
      : error.hint
  return new DenseHybridError(error.code, `${where}: ${error.message}`, { cause: error, hint })
}
