import { parentPort, workerData } from 'node:worker_threads'
import { BLOCK, Resampler, type ResamplingTask } from './resampling.ts'

/** What a worker thread is started with: resamples `from` … `to − 1` of a task. */
export interface WorkerOrder {
  readonly task: ResamplingTask
  readonly seed: number
  readonly from: number
  readonly to: number
}

/** What it sends, block by block: the values of resamples from `from` on, one row each. */
export interface WorkerBlock {
  readonly from: number
  readonly size: number
  readonly values: Float64Array
}

const { task, seed, from, to } = workerData as WorkerOrder
const resampler = new Resampler(task)
for (let at = from; at < to; at += BLOCK) {
  const size = Math.min(BLOCK, to - at)
  const block: WorkerBlock = { from: at, size, values: resampler.draw(seed, at, size) }
  parentPort?.postMessage(block)
}
