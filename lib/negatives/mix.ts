import type { Dataset } from '../data/dataset.ts'
import type { DenseFlow } from '../dense-flow.ts'
import type { Random } from '../random.ts'
import { checkNumber, invalid } from '../validate.ts'
import type { FlowNegative, Negative, NegativeSource, TargetSize } from './types.ts'

/**
 * x⁻ = b · x⁻_real + (1 − b) · x⁻_syn with b ~ Bernoulli(S), drawn for every negative (METHOD §3).
 *
 * @param realProbability S: 1 takes the first source alone, 0 the second
 * @throws DenseHybridError INVALID_ARGUMENT; also where both sources sample a flow
 */
export function mix(
  real: NegativeSource,
  synthetic: NegativeSource,
  realProbability: number,
): NegativeSource {
  return new MixedNegatives(real, synthetic, realProbability)
}

class MixedNegatives implements NegativeSource {
  readonly name: string
  readonly dataset?: Dataset
  readonly flow?: DenseFlow
  readonly #real: NegativeSource
  readonly #synthetic: NegativeSource
  readonly #realProbability: number

  constructor(real: NegativeSource, synthetic: NegativeSource, realProbability: number) {
    for (const [name, source] of Object.entries({ real, synthetic })) {
      if (typeof source?.sample !== 'function') throw invalid(name, 'a NegativeSource', source)
    }
    if (real.flow !== undefined && synthetic.flow !== undefined && real.flow !== synthetic.flow) {
      throw invalid('real', 'a source without a flow of its own', real.name)
    }
    this.#real = real
    this.#synthetic = synthetic
    this.#realProbability = checkNumber('realProbability', realProbability, 0, 1)
    this.name = `${real.name} (${realProbability}) and ${synthetic.name}`
    const dataset = real.dataset ?? synthetic.dataset
    if (dataset !== undefined) this.dataset = dataset
    const flow = synthetic.flow ?? real.flow
    if (flow !== undefined) this.flow = flow
  }

  async sample(rng: Random, target: TargetSize, options?: { signal?: AbortSignal }): Promise<Negative> {
    return this.#choose(rng).sample(rng, target, options)
  }

  async plan(
    rng: Random,
    target: TargetSize,
    options?: { signal?: AbortSignal },
  ): Promise<Negative | FlowNegative> {
    const source = this.#choose(rng)
    return source.plan?.(rng, target, options) ?? source.sample(rng, target, options)
  }

  #choose(rng: Random): NegativeSource {
    return rng.uniform() < this.#realProbability ? this.#real : this.#synthetic
  }
}
