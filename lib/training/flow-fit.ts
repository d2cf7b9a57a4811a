import type { Dataset } from '../data/dataset.ts'
import type { DataLoader } from '../data/loader.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { PATCH_OPTION_NAMES, type PatchOptions, patchLoader } from './flow-patches.ts'

/** Told to `onProgress` after every step of a flow's training. */
export interface FlowProgress {
  /** The running epoch, from 0. */
  readonly epoch: number
  readonly epochs: number
  /** Completed steps of the whole run. */
  readonly step: number
  readonly steps: number
  /** L_mle of this step, before it. */
  readonly bitsPerDim: number
  /** Of this step. */
  readonly learningRate: number
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number
  /** Over the last steps, waiting for data included. */
  readonly patchesPerSecond: number
  /** Share of the time of the last steps spent in waiting for data, 0 … 1. */
  readonly waiting: number
}

/** Options of `FlowTrainer#fit`. Exactly one of `epochs` and `steps` is given. */
export interface FlowFitOptions extends PatchOptions {
  /** Length of the whole run in passes over the images; a resumed trainer goes on to it, it does not add so many. */
  readonly epochs?: number
  /** Length of the whole run in optimiser steps. */
  readonly steps?: number
  /** Ends the run after the current step: the state is saved to `checkpointDir`, then ABORTED. */
  readonly signal?: AbortSignal
  /** Called after every step and awaited: what it does with the flow, it does with the weights of that step. */
  readonly onProgress?: (progress: FlowProgress) => void | Promise<void>
  /** Where the state is saved, for `FlowTrainer.resume`: at the end, on abort and every `checkpointEvery` steps. */
  readonly checkpointDir?: string
  /** Default 500. */
  readonly checkpointEvery?: number
}

/** A checked plan of a run. */
export interface FlowFitPlan {
  readonly loader: Pick<DataLoader, 'epoch'>
  readonly epochs: number
  readonly steps: number
  readonly batchesPerEpoch: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FlowProgress) => void | Promise<void>
  readonly checkpointDir?: string
  readonly checkpointEvery: number
}

const OPTION_NAMES = [
  ...PATCH_OPTION_NAMES,
  'epochs',
  'steps',
  'signal',
  'onProgress',
  'checkpointDir',
  'checkpointEvery',
]

/** Checks the arguments of `fit`. Throws INVALID_ARGUMENT, EMPTY. */
export function planFlowFit(
  source: Dataset,
  options: FlowFitOptions,
  flow: { reduction: number; seed: number },
): FlowFitPlan {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object with epochs or steps', options)
  checkOptionNames('fit', options, OPTION_NAMES)
  if ((options.epochs === undefined) === (options.steps === undefined)) {
    throw invalid('options', 'either epochs or steps', options)
  }
  const { signal, onProgress, checkpointDir } = options
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid('onProgress', 'a function', onProgress)
  if (checkpointDir !== undefined && (typeof checkpointDir !== 'string' || checkpointDir === ''))
    throw invalid('checkpointDir', 'the path of a folder', checkpointDir)
  const checkpointEvery = checkInteger('checkpointEvery', options.checkpointEvery ?? 500, 1)
  const loader = patchLoader(source, options, flow)
  const { batchesPerEpoch } = loader
  const plan = { loader, batchesPerEpoch, signal, onProgress, checkpointDir, checkpointEvery }
  if (options.epochs !== undefined) {
    const epochs = checkInteger('epochs', options.epochs, 1)
    return { ...plan, epochs, steps: epochs * batchesPerEpoch }
  }
  const steps = checkInteger('steps', options.steps, 1)
  return { ...plan, steps, epochs: Math.ceil(steps / batchesPerEpoch) }
}
