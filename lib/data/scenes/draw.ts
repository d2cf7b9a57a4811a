import type { Random } from '../../random.ts'

/** Uniform in [low, high). */
export function between(rng: Random, low: number, high: number): number {
  return low + (high - low) * rng.uniform()
}

/** True with the given probability. */
export function chance(rng: Random, probability: number): boolean {
  return rng.uniform() < probability
}

/** −1 or 1. */
export function eitherSign(rng: Random): -1 | 1 {
  return rng.uniform() < 0.5 ? -1 : 1
}

/** `value` restricted to [low, high]. */
export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high))
}
