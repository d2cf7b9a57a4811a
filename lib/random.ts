import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** A seeded stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Uniform whole number in [min, max], both ends included. */
  integer(min: number, max: number): number
  /** One element, uniformly. `items` must not be empty. */
  pick<T>(items: readonly T[]): T
  /** Standard normal (Box–Muller). */
  normal(): number
}

/**
 * A stream that depends on `seed` and on every key, and on nothing else: give the epoch and the item's index as keys
 * and the draws of one item do not depend on which worker makes them, or when.
 */
export function random(seed: number, ...keys: number[]): Random {
  const generator = xoroshiro128plus(mixKeys(seed, keys))
  const stream: Random = {
    uniform: () => uniformFloat64(generator),
    integer: (min, max) => uniformInt(generator, min, max),
    pick: (items) => items[uniformInt(generator, 0, items.length - 1)],
    normal: () => Math.sqrt(-2 * Math.log(1 - stream.uniform())) * Math.cos(2 * Math.PI * stream.uniform()),
  }
  return stream
}

/** A permutation of 0 … n−1 (Fisher–Yates). */
export function permutation(n: number, stream: Random): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = stream.integer(0, i)
    const swapped = order[i]
    order[i] = order[j]
    order[j] = swapped
  }
  return order
}

/** Folds seed and keys into 32 bits with the finaliser of MurmurHash3. */
function mixKeys(seed: number, keys: readonly number[]): number {
  let h = 0x9e3779b9
  for (const key of [seed, ...keys]) {
    for (const half of [key >>> 0, Math.floor(key / 2 ** 32) >>> 0]) {
      h = Math.imul(h ^ half, 0x85ebca6b)
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
      h ^= h >>> 16
    }
  }
  return h | 0
}
