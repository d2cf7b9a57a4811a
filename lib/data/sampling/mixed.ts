import { checkNumber, invalid } from '../../validate.ts'
import type { Dataset } from '../dataset.ts'
import { concat } from '../subset.ts'
import { positionStream, type Sampler, shuffled } from './sampler.ts'

/** One of the data sets of a mixture. */
export interface MixedPart {
  readonly dataset: Dataset
  /** How often it is drawn from, relative to the others; > 0. */
  readonly weight: number
}

/**
 * Several data sets of the same classes, drawn from by weight: each position of an epoch chooses a set, then an item of
 * it, every item of a set once before any comes again within an epoch. An epoch has as many positions as there are
 * items.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT` for a wrong weight, or naming the set whose classes differ
 */
export function mixed(parts: readonly MixedPart[]): { dataset: Dataset; sampler: Sampler } {
  if (!Array.isArray(parts) || parts.length === 0)
    throw invalid('parts', 'a list of { dataset, weight }', parts)
  const dataset = concat(parts.map((part) => part.dataset))
  const weights = parts.map(({ weight }, i) => checkNumber(`parts[${i}].weight`, weight, Number.MIN_VALUE))
  for (const [i, part] of parts.entries()) {
    if (part.dataset.length === 0)
      throw invalid(`parts[${i}].dataset`, 'a data set with items', part.dataset.name)
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const first = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part.dataset.length, 0))
  const orders = parts.map((part) => shuffled(part.dataset.length))
  const setAt = (epoch: number, position: number, seed: number): number => {
    let point = positionStream(seed, epoch, position).uniform() * total
    let set = 0
    while (set < parts.length - 1 && point >= weights[set]) point -= weights[set++]
    return set
  }
  // Of the epoch under way: the set of each position, how many positions before it drew from that set, and how many have.
  let drawn = { key: '', sets: [] as number[], before: [] as number[], counts: [] as number[] }
  return {
    dataset,
    sampler: {
      length: dataset.length,
      draw(epoch, position, seed) {
        const key = `${seed}/${epoch}`
        if (drawn.key !== key) drawn = { key, sets: [], before: [], counts: parts.map(() => 0) }
        const { sets, before, counts } = drawn
        for (let at = sets.length; at <= position; at++) {
          const set = setAt(epoch, at, seed)
          sets.push(set)
          before.push(counts[set]++)
        }
        const set = sets[position]
        return { item: first[set] + orders[set].draw(epoch, before[position], seed + set).item }
      },
    },
  }
}
