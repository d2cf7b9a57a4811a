import type { Freeze, NativeTrainerOptions, Precision } from '../binding/native.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseFlow } from '../dense-flow.ts'
import type { NegativeSource } from '../negatives/types.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { SCHEDULES, type ScheduleName } from './schedule.ts'

/**
 * - `closed-set` L = L_cls; pasted pixels, if any, are left out
 * - `hybrid` L = L_cls + β_x · L_x + β_d · L_d
 */
export type Objective = 'closed-set' | 'hybrid'

/** How a {@link Trainer} trains. Defaults are those of the authors' release unless a line says otherwise. */
export interface TrainerOptions {
  readonly objective: Objective
  /**
   * Source of the pasted pixels; required by the hybrid objective. `null`: the batches hold negatives already (label
   * `UNKNOWN_LABEL`), nothing is pasted. A batch without any negative gives L_x = 0.
   */
  readonly negatives?: NegativeSource | null
  /**
   * The flow of the negatives, to be trained in the same steps: L_flow = L_mle + λ · L_jsd (METHOD §4), where L_mle is
   * that of the crops which its samples replace and L_jsd that of the pasted pixels. Absent: a flow among the negatives
   * stays as it is.
   */
  readonly flow?: DenseFlow
  /** Of the flow; constant. Default 1e-5. */
  readonly flowLearningRate?: number
  /** λ, weight of L_jsd. Default 0.03. */
  readonly jsdWeight?: number
  /** Do the losses of the segmenter train the flow, too, through the pasted pixels? Default false. */
  readonly flowThroughSegmentation?: boolean
  /** β_x, weight of L_x. Default 0.03. */
  readonly betaX?: number
  /** β_d, weight of L_d. Default 10 · betaX. */
  readonly betaD?: number
  /** At the start of the run, of everything but the backbone. Default 4e-4 for closed-set, 1e-5 for hybrid. */
  readonly learningRate?: number
  /** At the end of the run. Default 1e-7; equal to `learningRate` the rate is constant. */
  readonly minLearningRate?: number
  /** Learning rate of the backbone = factor · learning rate. Default 0.25. */
  readonly backboneFactor?: number
  /** Adam's decay rates. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Adam's ε. Default 1e-7. */
  readonly eps?: number
  /** Default 0. */
  readonly weightDecay?: number
  /** Largest global norm of the gradient, of segmenter and flow each; 0 = not clipped. Default 0. */
  readonly clipNorm?: number
  /** Default 0.01. */
  readonly batchNormMomentum?: number
  /**
   * What keeps its weights and running statistics: nothing; the `backbone` (of an imported module all but the open-set
   * head); or `all-but-head`, which trains the open-set head alone and leaves the closed-set labels exactly as they are.
   * Default nothing.
   */
  readonly freeze?: 'nothing' | Freeze
  /**
   * Keep only the inputs of blocks and compute the rest again in the backward pass: less memory for about a third more
   * time. Default auto: where the architecture needs it (deeplabv3plus-wrn38).
   */
  readonly gradientCheckpointing?: boolean | 'auto'
  /** Of activations; weights and optimiser are always float32. Default float32. */
  readonly precision?: Precision
  /** Default cosine-epoch. */
  readonly schedule?: ScheduleName
  /** Of the negatives that `step` pastes; the loader has its own. Default 0. */
  readonly seed?: number
  /**
   * Do pixels without label count as d_in in L_d? The authors' release counts them (`inlier`). The default here is
   * `exclude`, because a held-out class usually hides under the ignore label and would be taught as inlier: on CamVid
   * with Bicyclist held out, counting them raised the FPR95 of s_D from .22 to .47.
   */
  readonly ignoreInDatasetPosterior?: 'inlier' | 'exclude'
  /** Shift the value (not the gradient) of L_x by the mean of all logits. Default true. */
  readonly meanLogitShift?: boolean
}

/** All options of a trainer with their values; plain JSON, stored in its state. */
export type ResolvedTrainerOptions = Required<Omit<TrainerOptions, 'negatives' | 'flow'>>

const OPTION_NAMES = [
  'objective',
  'negatives',
  'flow',
  'flowLearningRate',
  'jsdWeight',
  'flowThroughSegmentation',
  'betaX',
  'betaD',
  'learningRate',
  'minLearningRate',
  'backboneFactor',
  'betas',
  'eps',
  'weightDecay',
  'clipNorm',
  'batchNormMomentum',
  'freeze',
  'gradientCheckpointing',
  'precision',
  'schedule',
  'seed',
  'ignoreInDatasetPosterior',
  'meanLogitShift',
] as const satisfies readonly (keyof TrainerOptions)[]

/** Checks the options of a trainer and fills in the defaults. Throws INVALID_ARGUMENT naming the option. */
export function resolveTrainerOptions(options: TrainerOptions): ResolvedTrainerOptions {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object with an objective', options)
  checkOptionNames('Trainer', options, OPTION_NAMES)
  const objective = checkOneOf('objective', options.objective, ['closed-set', 'hybrid'])
  checkNegatives(objective, options.negatives)
  checkFlow(options)
  const betaX = checkNumber('betaX', options.betaX ?? 0.03, 0)
  const learningRate = checkNumber(
    'learningRate',
    options.learningRate ?? (objective === 'hybrid' ? 1e-5 : 4e-4),
    0,
  )
  // The floor follows a learning rate that is set below it.
  const minLearningRate = options.minLearningRate ?? Math.min(1e-7, learningRate)
  return {
    objective,
    flowLearningRate: checkNumber('flowLearningRate', options.flowLearningRate ?? 1e-5, 0),
    jsdWeight: checkNumber('jsdWeight', options.jsdWeight ?? 0.03, 0),
    flowThroughSegmentation: checkBoolean(
      'flowThroughSegmentation',
      options.flowThroughSegmentation ?? false,
    ),
    betaX,
    betaD: checkNumber('betaD', options.betaD ?? 10 * betaX, 0),
    learningRate,
    minLearningRate: checkNumber('minLearningRate', minLearningRate, 0, learningRate),
    backboneFactor: checkNumber('backboneFactor', options.backboneFactor ?? 0.25, 0),
    betas: checkBetas(options.betas ?? [0.9, 0.999]),
    eps: checkNumber('eps', options.eps ?? 1e-7, Number.MIN_VALUE),
    weightDecay: checkNumber('weightDecay', options.weightDecay ?? 0, 0),
    clipNorm: checkNumber('clipNorm', options.clipNorm ?? 0, 0),
    batchNormMomentum: checkNumber('batchNormMomentum', options.batchNormMomentum ?? 0.01, 0, 1),
    freeze: checkFreeze(objective, options.freeze ?? 'nothing'),
    gradientCheckpointing:
      options.gradientCheckpointing === undefined || options.gradientCheckpointing === 'auto'
        ? 'auto'
        : checkBoolean('gradientCheckpointing', options.gradientCheckpointing),
    precision: checkOneOf('precision', options.precision ?? 'float32', ['float32', 'bf16']),
    schedule: checkOneOf('schedule', options.schedule ?? 'cosine-epoch', SCHEDULES),
    seed: checkInteger('seed', options.seed ?? 0, 0),
    ignoreInDatasetPosterior: checkOneOf(
      'ignoreInDatasetPosterior',
      options.ignoreInDatasetPosterior ?? 'exclude',
      ['inlier', 'exclude'],
    ),
    meanLogitShift: checkBoolean('meanLogitShift', options.meanLogitShift ?? true),
  }
}

/** The options in the form of the native boundary; `checkpointing`: does the architecture need it? */
export function nativeTrainerOptions(
  options: ResolvedTrainerOptions,
  checkpointing = false,
): NativeTrainerOptions {
  const { betaX, betaD, ignoreInDatasetPosterior, meanLogitShift } = options
  const { objective, betas, eps, weightDecay, clipNorm, backboneFactor, batchNormMomentum, precision } =
    options
  return {
    objective,
    loss: {
      betaX,
      betaD,
      ignore: IGNORE_LABEL,
      negative: UNKNOWN_LABEL,
      ignoreInDatasetPosterior,
      meanLogitShift,
    },
    betas,
    eps,
    weightDecay,
    clipNorm,
    backboneFactor,
    batchNormMomentum,
    ...(options.freeze !== 'nothing' && { freeze: options.freeze }),
    checkpointing: options.gradientCheckpointing === 'auto' ? checkpointing : options.gradientCheckpointing,
    precision,
    flow: {
      jsdWeight: options.jsdWeight,
      throughSegmentation: options.flowThroughSegmentation,
      betas: FLOW_BETAS,
      eps: FLOW_EPS,
      clipNorm,
    },
  }
}

// Adamax, as the authors' release sets it.
const FLOW_BETAS = [0.9, 0.999] as const
const FLOW_EPS = 1e-7

function checkFreeze(objective: Objective, freeze: unknown): 'nothing' | Freeze {
  const chosen = checkOneOf('freeze', freeze, ['nothing', 'backbone', 'all-but-head'])
  if (chosen === 'all-but-head' && objective === 'closed-set') {
    throw invalid(
      'freeze',
      'nothing or backbone (closed-set training leaves the open-set head alone)',
      chosen,
    )
  }
  return chosen
}

function checkFlow({ flow, negatives }: TrainerOptions): void {
  if (flow === undefined) return
  if (!(flow instanceof DenseFlow)) throw invalid('flow', 'a DenseFlow', flow)
  // Without a source the batches say where samples go.
  if (negatives === null || negatives?.flow === flow) return
  throw invalid(
    'flow',
    'the flow of the negatives',
    negatives?.flow === undefined ? 'a flow, but negatives without one' : 'another flow',
    'Give negatives.synthetic(flow), or negatives.mix(…) with it.',
  )
}

function checkNegatives(objective: Objective, negatives: unknown): void {
  if (negatives === undefined) {
    if (objective !== 'hybrid') return
    throw invalid(
      'negatives',
      'a source of negatives (the hybrid objective needs pasted pixels)',
      negatives,
      'Give negatives.real(dataset, …), or null when the batches already hold pixels with UNKNOWN_LABEL.',
    )
  }
  if (objective === 'closed-set' && negatives !== null) {
    throw invalid(
      'negatives',
      'nothing (the closed-set objective uses none)',
      negatives,
      "Use objective 'hybrid'.",
    )
  }
  if (negatives !== null && typeof (negatives as NegativeSource).sample !== 'function') {
    throw invalid('negatives', 'a source of negatives with a method sample, or null', negatives)
  }
}

/** Checks the two decay rates of Adam or Adamax, each in [0, 1). */
export function checkBetas(betas: unknown): readonly [number, number] {
  if (!Array.isArray(betas) || betas.length !== 2) throw invalid('betas', 'two numbers', betas)
  for (const [i, beta] of betas.entries()) {
    if (!(checkNumber(`betas[${i}]`, beta, 0, 1) < 1)) throw invalid(`betas[${i}]`, 'a number below 1', beta)
  }
  return [betas[0], betas[1]]
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  return value
}
