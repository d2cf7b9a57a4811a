import { DenseHybridError, throwIfAborted } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import type { FlowFitPlan } from './flow-fit.ts'
import type { FlowTrainerState } from './flow-state.ts'
import { RateMeter } from './progress.ts'
import { checkSameLoader, completed } from './run.ts'
import { scheduledLearningRate } from './schedule.ts'

/** What one step of a flow's training gives. */
export interface FlowStepResult {
  /** L_mle = −ln p of the patches in bits per dimension, before the step. */
  readonly bitsPerDim: number
  /** Global norm of its gradient before clipping. */
  readonly gradNorm: number
}

/** What `FlowTrainer#fit` returns. */
export interface FlowTrainingResult {
  /** Completed epochs of the run. */
  readonly epoch: number
  /** Completed steps of the run. */
  readonly step: number
  /** Mean over the last tenth of the steps, 50 steps at most. */
  readonly bitsPerDim: number
  /** Of the first step of all: of the flow as it was before, a new one right after its initialisation. */
  readonly initialBitsPerDim: number
}

/** The trainer, as its run sees it. */
interface RunningTrainer {
  readonly state: FlowTrainerState
  step(patches: Tensor<Uint8Array>, learningRate: number): Promise<FlowStepResult>
  save(dir: string): Promise<void>
}

/** Trains from where the state stands to the end of the plan; see `FlowTrainer#fit`. */
export async function runFlowTraining(
  plan: FlowFitPlan,
  trainer: RunningTrainer,
): Promise<FlowTrainingResult> {
  const { state } = trainer
  checkSameLoader(plan, state)
  state.batchesPerEpoch = plan.batchesPerEpoch
  throwIfAborted(plan.signal)
  try {
    while (completed(plan, state) < plan.steps) await trainEpoch(plan, trainer)
  } catch (error) {
    const aborted = error instanceof DenseHybridError && error.code === 'ABORTED'
    if (aborted && plan.checkpointDir !== undefined) await trainer.save(plan.checkpointDir)
    throw error
  }
  const { epoch, first = Number.NaN } = state
  return { epoch, step: completed(plan, state), bitsPerDim: recentMean(state), initialBitsPerDim: first }
}

async function trainEpoch(plan: FlowFitPlan, trainer: RunningTrainer): Promise<void> {
  const { state } = trainer
  const { loader, epochs, steps, signal } = plan
  const { epoch } = state
  const meter = new RateMeter()
  let asked = performance.now()
  for await (const { images, ids } of loader.epoch(epoch, { signal, start: state.batch })) {
    const started = performance.now()
    const learningRate = scheduledLearningRate(state.options, {
      epoch,
      epochs,
      step: completed(plan, state),
      steps,
    })
    // Not cancelled by the signal: a step is finished, so that the state always lies between two steps.
    const result = await trainer.step(images, learningRate).catch((error) => {
      throw whileTraining(error, completed(plan, state), ids)
    })
    meter.add(images.shape[0], started - asked, performance.now() - started)
    advance(plan, state)
    const step = completed(plan, state)
    const { imagesPerSecond: patchesPerSecond, waiting } = meter.rates()
    await plan.onProgress?.({
      epoch,
      epochs,
      step,
      steps,
      ...result,
      learningRate,
      patchesPerSecond,
      waiting,
    })
    const due = step % plan.checkpointEvery === 0 || step >= steps
    if (due && plan.checkpointDir !== undefined) await trainer.save(plan.checkpointDir)
    if (step >= steps) return
    throwIfAborted(signal)
    asked = performance.now()
  }
}

function recentMean({ step, recent }: FlowTrainerState): number {
  const last = recent.slice(-Math.ceil(step / 10))
  return last.reduce((sum, value) => sum + value, 0) / last.length
}

function advance({ batchesPerEpoch }: FlowFitPlan, state: FlowTrainerState): void {
  state.batch++
  if (state.batch < batchesPerEpoch) return
  state.batch = 0
  state.epoch++
}

/** Names the step and its images in errors that their content can cause. */
function whileTraining(error: unknown, step: number, ids: readonly string[]): unknown {
  if (!(error instanceof DenseHybridError) || error.code !== 'NON_FINITE') return error
  return new DenseHybridError(
    error.code,
    `In step ${step} (patches of ${ids.join(', ')}): ${error.message}`,
    { cause: error, hint: 'The flow is that of the step before. Lower learningRate or clipNorm.' },
  )
}
