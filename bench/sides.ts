import { join } from 'node:path'
import { measure, type Times } from '../lib/benchmark/measure.ts'
import { Worker } from './worker.ts'

/** What one side took. */
export interface Side extends Times {
  who: string
  peakMemoryBytes: number
}

/**
 * Runs our script and a Python script in turn, once a round, each a process of its own that is given its task as JSON.
 *
 * @param tasks ours first; then one for each engine of the other side, or the same for both where there is only one
 * @param tolerance by which their results may differ
 */
export async function compareSides(
  ours: string,
  theirs: string,
  tasks: readonly unknown[],
  python: string,
  rounds: number,
  tolerance: number,
): Promise<Side[]> {
  const at = (path: string) => join(import.meta.dirname, path)
  const [first, ...others] = tasks.length === 1 ? [tasks[0], tasks[0]] : tasks
  const starts = [
    () => new Worker(process.execPath, ['--import=tsx', at(ours), JSON.stringify(first)]),
    ...others.map((task) => () => new Worker(python, [at(`competitors/${theirs}`), JSON.stringify(task)])),
  ]
  const workers: Worker[] = []
  try {
    const sides: { who: string; check: number[] }[] = []
    for (const start of starts) {
      const worker = start()
      workers.push(worker)
      const side = await worker.answer<{ who: string; check: number[] }>()
      console.error(`${side.who} is ready`)
      sides.push(side)
      const [{ who, check }] = sides
      const same =
        side.check.length === check.length &&
        side.check.every((value, i) => Math.abs(value - check[i]) <= tolerance)
      if (!same) throw new Error(`${side.who} computes [${side.check}], ${who} [${check}]`)
    }
    const memory = sides.map(() => 0)
    const jobs = workers.map((worker, i) => async () => {
      const { ms, rss } = await worker.ask<{ ms: number; rss: number }>('run')
      memory[i] = rss
      return ms
    })
    const times = await measure(jobs, { rounds, warmUp: 0 })
    return times.map((time, i) => ({ who: sides[i].who, ...time, peakMemoryBytes: memory[i] }))
  } finally {
    for (const worker of workers) worker.stop()
  }
}
