import { throwIfAborted } from '../errors.ts'

/** Milliseconds of one call. */
export interface Times {
  medianMs: number
  minMs: number
}

/** How often to measure. */
export interface MeasureOptions {
  rounds: number
  /** Rounds before those that count. */
  warmUp: number
  signal?: AbortSignal
  /** After each round, with the number of rounds done so far, warm-up included. */
  onRound?: (done: number) => void
}

/**
 * Runs every job once a round, so that a machine that slows down slows all of them, each round beginning with the next
 * job, so that none always follows the same; the times of each job.
 */
export async function measure(
  jobs: readonly (() => Promise<number>)[],
  { rounds, warmUp, signal, onRound }: MeasureOptions,
): Promise<Times[]> {
  const times: number[][] = jobs.map(() => [])
  for (let round = 0; round < warmUp + rounds; round++) {
    for (let turn = 0; turn < jobs.length; turn++) {
      const i = (round + turn) % jobs.length
      throwIfAborted(signal)
      const milliseconds = await jobs[i]()
      if (round >= warmUp) times[i].push(milliseconds)
    }
    onRound?.(round + 1)
  }
  return times.map((list) => ({ medianMs: rounded(median(list)), minMs: rounded(Math.min(...list)) }))
}

/** A job that says how long `work` took. */
export function timed(work: () => Promise<unknown>): () => Promise<number> {
  return async () => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[upper] : (sorted[upper - 1] + sorted[upper]) / 2
}

/** To a microsecond. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
