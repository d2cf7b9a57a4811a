import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { checkBetas } from './options.ts'
import { SCHEDULES, type ScheduleName } from './schedule.ts'

/** How a {@link FlowTrainer} trains. */
export interface FlowTrainerOptions {
  /** At the start of the run. Default 1e-3. */
  readonly learningRate?: number
  /** At the end of the run. Default 1e-5, the rate of joint training; equal to `learningRate` the rate is constant. */
  readonly minLearningRate?: number
  /** Default cosine-step. */
  readonly schedule?: ScheduleName
  /** Adamax's decay rates. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Adamax's ε. Default 1e-7. */
  readonly eps?: number
  /** Largest global norm of the gradient of L_mle in bits per dimension; 0 = not clipped. Default 100: rare peaks. */
  readonly clipNorm?: number
  /** Of crops, dequantisation and noise. Default 0. */
  readonly seed?: number
}

/** All options of a flow's trainer with their values; plain JSON, stored in its state. */
export type ResolvedFlowTrainerOptions = Required<FlowTrainerOptions>

const OPTION_NAMES = [
  'learningRate',
  'minLearningRate',
  'schedule',
  'betas',
  'eps',
  'clipNorm',
  'seed',
] as const satisfies readonly (keyof FlowTrainerOptions)[]

/** Checks the options of a flow's trainer and fills in the defaults. Throws INVALID_ARGUMENT naming the option. */
export function resolveFlowTrainerOptions(options: FlowTrainerOptions = {}): ResolvedFlowTrainerOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  checkOptionNames('FlowTrainer', options, OPTION_NAMES)
  const learningRate = checkNumber('learningRate', options.learningRate ?? 1e-3, 0)
  // The floor follows a learning rate that is set below it.
  const minLearningRate = options.minLearningRate ?? Math.min(1e-5, learningRate)
  return {
    learningRate,
    minLearningRate: checkNumber('minLearningRate', minLearningRate, 0, learningRate),
    schedule: checkOneOf('schedule', options.schedule ?? 'cosine-step', SCHEDULES),
    betas: checkBetas(options.betas ?? [0.9, 0.999]),
    eps: checkNumber('eps', options.eps ?? 1e-7, Number.MIN_VALUE),
    clipNorm: checkNumber('clipNorm', options.clipNorm ?? 100, 0),
    seed: checkInteger('seed', options.seed ?? 0, 0),
  }
}
