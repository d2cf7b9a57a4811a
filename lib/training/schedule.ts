import { checkInteger, checkNumber } from '../validate.ts'

/**
 * - `cosine-epoch` the authors' schedule: constant within an epoch, stepped after it
 * - `cosine-step` the same curve, stepped after every batch; smoother for runs of few epochs
 * - `constant` always the initial learning rate
 */
export type ScheduleName = 'cosine-epoch' | 'cosine-step' | 'constant'

/** The schedules by name, for validation and help texts. */
export const SCHEDULES: readonly ScheduleName[] = ['cosine-epoch', 'cosine-step', 'constant']

/**
 * Cosine decay: lr_min + (lr − lr_min) · (1 + cos(π e / E)) / 2.
 *
 * @param epoch e, completed epochs (or steps), 0 … E; a fraction is allowed
 * @param epochs E, epochs (or steps) of the whole run, at least 1
 * @param learningRate value at e = 0
 * @param minLearningRate value at e = E; equal to `learningRate` the rate is constant
 */
export function cosineLearningRate(
  epoch: number,
  epochs: number,
  learningRate: number,
  minLearningRate: number,
): number {
  checkInteger('epochs', epochs, 1)
  checkNumber('epoch', epoch, 0, epochs)
  return minLearningRate + ((learningRate - minLearningRate) * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2
}

/** What of a run decides its learning rate. */
export interface ScheduleOptions {
  readonly schedule: ScheduleName
  readonly learningRate: number
  readonly minLearningRate: number
}

/** Where a run stands. */
export interface RunPosition {
  /** Completed epochs. */
  readonly epoch: number
  readonly epochs: number
  /** Completed optimiser steps. */
  readonly step: number
  readonly steps: number
}

/** The learning rate of the next step. A run past its end keeps the last value. */
export function scheduledLearningRate(options: ScheduleOptions, position: RunPosition): number {
  const { learningRate, minLearningRate, schedule } = options
  if (schedule === 'constant') return learningRate
  const [done, all] =
    schedule === 'cosine-epoch' ? [position.epoch, position.epochs] : [position.step, position.steps]
  return cosineLearningRate(Math.min(done, all), all, learningRate, minLearningRate)
}
