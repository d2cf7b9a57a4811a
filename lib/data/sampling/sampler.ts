import { permutation, random } from '../../random.ts'

/** What stands at a position of an epoch. */
export interface Drawn {
  /** Index in the data set. */
  readonly item: number
  /** A point that a crop must show, as shares of height and width in [0, 1). */
  readonly focus?: readonly [y: number, x: number]
}

/** The order of an epoch. What it draws depends on its arguments alone. */
export interface Sampler {
  /** Positions of an epoch. */
  readonly length: number
  /**
   * @param epoch ≥ 0
   * @param position ≥ 0; from `length` on it begins another round
   * @param seed of the loader
   */
  draw(epoch: number, position: number, seed: number): Drawn
}

// The purposes that streams of draws serve; the loader has its own.
const SHUFFLE = 1
const CHOOSE = 4

/** Every item once an epoch, in a new order each time. */
export function shuffled(length: number): Sampler {
  // The last few rounds: batches ask for positions next to each other, and for one round or two.
  const rounds = new Map<string, number[]>()
  return {
    length,
    draw(epoch, position, seed) {
      const round = Math.floor(position / length)
      const key = `${seed}/${epoch}/${round}`
      let order = rounds.get(key)
      if (order === undefined) {
        if (rounds.size >= 4) rounds.delete(rounds.keys().next().value as string)
        order = permutation(length, random(seed, SHUFFLE, epoch, round))
        rounds.set(key, order)
      }
      return { item: order[position % length] }
    },
  }
}

/** Every item once an epoch, in order. */
export function inOrder(length: number): Sampler {
  return { length, draw: (_epoch, position) => ({ item: position % length }) }
}

/** The stream for what stands at one position, apart from its augmentation. */
export function positionStream(seed: number, epoch: number, position: number) {
  return random(seed, CHOOSE, epoch, position)
}

/**
 * The positions of one rank of several: rank r of n takes r, r + n, r + 2n, … so that all ranks together draw what one
 * alone would. Ranks have equally many positions; up to n − 1 at the end are left out.
 */
export function shardOf(sampler: Sampler, { index, count }: { index: number; count: number }): Sampler {
  const length = Math.floor(sampler.length / count)
  return {
    length,
    draw(epoch, position, seed) {
      const round = Math.floor(position / length)
      return sampler.draw(epoch, round * sampler.length + (position % length) * count + index, seed)
    },
  }
}
