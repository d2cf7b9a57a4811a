import { DenseFlow } from '../dense-flow.ts'
import { DenseHybridError } from '../errors.ts'
import type { Random } from '../random.ts'
import { tensor } from '../tensor.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import type { FlowNegative, Negative, NegativeSource, TargetSize } from './types.ts'

/** Options of {@link synthetic}. */
export interface SyntheticNegativesOptions {
  /** Smallest and largest side in pixels. Default [16, 216], the paper's; never more than the image has. */
  readonly sides?: readonly [number, number]
}

/** Sides differ by this many pixels, or by the flow's reduction where that is more. */
const STEP = 8

/**
 * Negatives that a flow samples (METHOD §3, b = 0): rectangles whose height and width are drawn, each by itself, from
 * {16, 24, …, 216}, as far as they fit into the image.
 *
 * A {@link Trainer} with the option `flow` samples and pastes them itself, so that the flow learns from them. Elsewhere
 * they are plain pictures.
 *
 * @throws DenseHybridError INVALID_ARGUMENT, also for a flow that is not initialised: it has no samples
 */
export function synthetic(flow: DenseFlow, options: SyntheticNegativesOptions = {}): SyntheticNegatives {
  return new SyntheticNegatives(flow, options)
}

/** The source that {@link synthetic} makes. */
export class SyntheticNegatives implements NegativeSource {
  readonly name: string
  readonly flow: DenseFlow
  readonly #sides: readonly number[]

  constructor(flow: DenseFlow, options: SyntheticNegativesOptions = {}) {
    if (!(flow instanceof DenseFlow)) throw invalid('flow', 'a DenseFlow', flow)
    checkOptionNames('negatives.synthetic', options, ['sides'])
    if (!flow.initialised) {
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        'Expected a trained flow for flow but received a new one.',
        {
          hint: 'Train it with train-flow or FlowTrainer, or give it patches with initialise.',
        },
      )
    }
    this.flow = flow
    this.name = `samples of ${flow.config.architecture}`
    this.#sides = checkSides(options.sides ?? [16, 216], flow.reduction)
  }

  async plan(rng: Random, target: TargetSize): Promise<FlowNegative> {
    const draw = (name: 'height' | 'width') => {
      const fitting = this.#sides.filter((side) => side <= target[name])
      if (fitting.length > 0) return rng.pick(fitting)
      throw new DenseHybridError(
        'EMPTY',
        `A synthetic negative of at least ${this.#sides[0]} pixels does not fit into an image of ${target.width}×${target.height}.`,
        { hint: 'Use larger images or crops, or smaller sides.' },
      )
    }
    return { flow: this.flow, height: draw('height'), width: draw('width') }
  }

  async sample(rng: Random, target: TargetSize, options: { signal?: AbortSignal } = {}): Promise<Negative> {
    const { height, width } = await this.plan(rng, target)
    const seed = rng.integer(0, 2 ** 31 - 1)
    const { patches } = await this.flow.sample({ n: 1, height, width, seed, signal: options.signal })
    return {
      image: tensor(patches.data, [height, width, 3]),
      mask: tensor(new Uint8Array(height * width).fill(1), [height, width]),
    }
  }
}

function checkSides(sides: unknown, reduction: number): number[] {
  if (!Array.isArray(sides) || sides.length !== 2) throw invalid('sides', 'two numbers of pixels', sides)
  const least = checkInteger('sides[0]', sides[0], 1)
  const most = checkInteger('sides[1]', sides[1], least)
  const step = Math.max(STEP, reduction)
  const first = Math.ceil(least / step) * step
  const count = Math.floor((most - first) / step) + 1
  if (count < 1) throw invalid('sides', `a range with a multiple of ${step}`, sides)
  return Array.from({ length: count }, (_, i) => first + i * step)
}
