import type { DataLoader } from '../data/loader.ts'
import type { Segmenter } from '../segmenter.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import type { TrainingProgress } from './progress.ts'

/** What `Trainer#fit` needs of a loader: seeded batches by epoch. */
export type TrainingLoader = Pick<DataLoader, 'batchesPerEpoch' | 'epoch'>

/** Options of `Trainer#fit`. Exactly one of `epochs` and `steps` is given. */
export interface FitOptions {
  /** Length of the whole run; a resumed trainer goes on to this epoch, it does not add so many. */
  readonly epochs?: number
  /** Length of the whole run in optimiser steps. */
  readonly steps?: number
  /** Ends the run after the current step: the state is saved to `checkpointDir`, then ABORTED. */
  readonly signal?: AbortSignal
  /** Called after every step; keep it short. */
  readonly onProgress?: (progress: TrainingProgress) => void
  /** Where the state is saved, for `Trainer.resume`: at the end, on abort and every `checkpointEvery` epochs. */
  readonly checkpointDir?: string
  /** Default 1. */
  readonly checkpointEvery?: number
  /** Called after every epoch; what it returns (JSON) goes into the history. */
  readonly validate?: (segmenter: Segmenter, epoch: number) => Promise<unknown>
}

/** A checked plan of a run. */
export interface FitPlan extends FitOptions {
  readonly epochs: number
  readonly steps: number
  readonly batchesPerEpoch: number
  readonly checkpointEvery: number
}

const OPTION_NAMES = [
  'epochs',
  'steps',
  'signal',
  'onProgress',
  'checkpointDir',
  'checkpointEvery',
  'validate',
]

/** Checks the arguments of `fit`. Throws INVALID_ARGUMENT. */
export function planFit(loader: TrainingLoader, options: FitOptions): FitPlan {
  if (typeof loader?.epoch !== 'function') throw invalid('loader', 'a DataLoader', loader)
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object with epochs or steps', options)
  checkOptionNames('fit', options, OPTION_NAMES)
  const batchesPerEpoch = checkInteger('loader.batchesPerEpoch', loader.batchesPerEpoch, 1)
  if ((options.epochs === undefined) === (options.steps === undefined)) {
    throw invalid('options', 'either epochs or steps', options)
  }
  for (const name of ['onProgress', 'validate'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw invalid(name, 'a function', options[name])
  }
  const { checkpointDir } = options
  if (checkpointDir !== undefined && (typeof checkpointDir !== 'string' || checkpointDir === ''))
    throw invalid('checkpointDir', 'the path of a folder', checkpointDir)
  const checkpointEvery = checkInteger('checkpointEvery', options.checkpointEvery ?? 1, 1)
  if (options.epochs !== undefined) {
    const epochs = checkInteger('epochs', options.epochs, 1)
    return { ...options, epochs, steps: epochs * batchesPerEpoch, batchesPerEpoch, checkpointEvery }
  }
  const steps = checkInteger('steps', options.steps, 1)
  return { ...options, steps, epochs: Math.ceil(steps / batchesPerEpoch), batchesPerEpoch, checkpointEvery }
}
