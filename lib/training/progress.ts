/** The terms of the objective, as means over steps. */
export interface Losses {
  readonly total: number
  /** L_cls */
  readonly cls: number
  /** L_x; 0 for the closed-set objective */
  readonly x: number
  /** L_d; 0 for the closed-set objective */
  readonly d: number
  /** L_mle of the flow in bits per dimension; like the next two over the steps with samples of the flow alone. */
  readonly mle?: number
  /** L_jsd, from 0 to ln 2 */
  readonly jsd?: number
  /** Share of the flow's values that left the image's range and were clamped. */
  readonly outside?: number
}

const TERMS = ['total', 'cls', 'x', 'd'] as const
const FLOW_TERMS = ['mle', 'jsd', 'outside'] as const

/** Told to `onProgress` after every step. */
export interface TrainingProgress {
  /** The running epoch, from 0. */
  readonly epoch: number
  readonly epochs: number
  /** Completed steps of the whole run. */
  readonly step: number
  readonly steps: number
  /** Of this step. */
  readonly losses: Losses
  /** Of this step; the backbone's is `backboneFactor` times this. */
  readonly learningRate: number
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number
  /** Over the last steps, waiting for data included. */
  readonly imagesPerSecond: number
  /** Share of the time of the last steps spent in waiting for data, 0 … 1. */
  readonly waiting: number
}

/** One epoch of a run. */
export interface EpochRecord {
  readonly epoch: number
  /** Means over the steps of the epoch. */
  readonly losses: Losses
  /** Of the last step. */
  readonly learningRate: number
  /** What `validate` returned. */
  readonly validation?: unknown
}

/** Sums of losses; plain JSON, so that a run resumed inside an epoch reports the same means. */
export interface LossSums {
  steps: number
  total: number
  cls: number
  x: number
  d: number
  /** Steps with samples of the flow, and the sums of their terms. */
  flowSteps: number
  mle: number
  jsd: number
  outside: number
}

/** Sums over no steps. */
export function emptySums(): LossSums {
  return { steps: 0, total: 0, cls: 0, x: 0, d: 0, flowSteps: 0, mle: 0, jsd: 0, outside: 0 }
}

/** Adds one step's losses. */
export function addLosses(sums: LossSums, losses: Losses): void {
  sums.steps++
  for (const term of TERMS) sums[term] += losses[term]
  if (losses.mle === undefined) return
  sums.flowSteps++
  for (const term of FLOW_TERMS) sums[term] += losses[term] as number
}

/** Means over the steps; NaN over no steps. */
export function meanLosses(sums: LossSums): Losses {
  const { steps, flowSteps } = sums
  const means = { total: sums.total / steps, cls: sums.cls / steps, x: sums.x / steps, d: sums.d / steps }
  if (flowSteps === 0) return means
  return {
    ...means,
    mle: sums.mle / flowSteps,
    jsd: sums.jsd / flowSteps,
    outside: sums.outside / flowSteps,
  }
}

/** Means over the steps of the running epoch, or over the last one; undefined before the first step. */
export function latestLosses(state: {
  sums: LossSums
  history: readonly Pick<EpochRecord, 'losses'>[]
}): Losses | undefined {
  return state.sums.steps > 0 ? meanLosses(state.sums) : state.history.at(-1)?.losses
}

/** Images per second and share of waiting over the last steps. */
export class RateMeter {
  readonly #window: number
  readonly #steps: { images: number; waited: number; worked: number }[] = []

  /** @param window number of steps that count */
  constructor(window = 20) {
    this.#window = window
  }

  /** Adds one step: its images, and the milliseconds spent in waiting for its batch and in computing. */
  add(images: number, waited: number, worked: number): void {
    this.#steps.push({ images, waited, worked })
    if (this.#steps.length > this.#window) this.#steps.shift()
  }

  /** Over the last steps; zeros before the first. */
  rates(): { imagesPerSecond: number; waiting: number } {
    let images = 0
    let waited = 0
    let elapsed = 0
    for (const step of this.#steps) {
      images += step.images
      waited += step.waited
      elapsed += step.waited + step.worked
    }
    return elapsed > 0
      ? { imagesPerSecond: (1000 * images) / elapsed, waiting: waited / elapsed }
      : { imagesPerSecond: 0, waiting: 0 }
  }
}
