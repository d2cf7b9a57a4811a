import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { abortedError, DenseHybridError, throwIfAborted } from '../errors.ts'
import { startThread } from '../thread.ts'
import { checkInteger, checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { BLOCK, Resampler, type ResamplingTask, valueCount } from './resampling.ts'
import type { WorkerBlock, WorkerOrder } from './resampling-worker.ts'

/** Options of everything that resamples images. */
export interface BootstrapOptions {
  /** How many times images are drawn. Default 1000. */
  readonly resamples?: number
  /** Coverage of the intervals, in (0, 1). Default 0.95. */
  readonly confidence?: number
  /** The same seed and images give the same result, whatever the number of threads. Default 0. */
  readonly seed?: number
  /** Worker threads. Default: one for each core, or 0, in place, where the work takes some milliseconds only. */
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
}

/** Checked {@link BootstrapOptions}. */
export interface BootstrapSettings
  extends Omit<Required<BootstrapOptions>, 'threads' | 'signal' | 'onProgress'> {
  readonly threads: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onProgress: BootstrapOptions['onProgress']
}

const OPTION_NAMES = ['resamples', 'confidence', 'seed', 'threads', 'signal', 'onProgress']

/** Work of fewer multiplications than this is not worth a thread. */
const IN_PLACE = 2e7

/** @throws INVALID_ARGUMENT for an unknown option or value */
export function checkBootstrap(name: string, options: BootstrapOptions): BootstrapSettings {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  checkOptionNames(name, options, OPTION_NAMES)
  const { resamples = 1000, confidence = 0.95, seed = 0, threads, signal, onProgress } = options
  checkInteger('options.resamples', resamples, 2, 1e6)
  checkNumber('options.confidence', confidence, 0, 1)
  if (confidence === 0 || confidence === 1)
    throw invalid('options.confidence', 'a number between 0 and 1, both excluded', confidence)
  checkInteger('options.seed', seed, 0)
  if (threads !== undefined) checkInteger('options.threads', threads, 0, 1024)
  return { resamples, confidence, seed, threads, signal, onProgress }
}

/**
 * The values of every resample, one row each; large work is done off the event loop.
 *
 * @throws DenseHybridError ABORTED when the signal fires, INTERNAL where a worker thread fails
 */
export async function resample(task: ResamplingTask, settings: BootstrapSettings): Promise<Float64Array> {
  const { resamples, seed, signal, onProgress } = settings
  throwIfAborted(signal)
  const width = valueCount(task)
  const values = new Float64Array(resamples * width)
  let done = 0
  const take = (block: WorkerBlock) => {
    values.set(block.values, block.from * width)
    done += block.size
    onProgress?.({ done, total: resamples })
  }
  const blocks = Math.ceil(resamples / BLOCK)
  const threads = Math.min(blocks, settings.threads ?? defaultThreads(task, resamples))
  if (threads === 0) {
    const resampler = new Resampler(task)
    for (let from = 0; from < resamples; from += BLOCK) {
      const size = Math.min(BLOCK, resamples - from)
      take({ from, size, values: resampler.draw(seed, from, size) })
      await setImmediate()
      throwIfAborted(signal)
    }
    return values
  }
  const orders = Array.from({ length: threads }, (_, t): WorkerOrder => {
    const from = Math.floor((t * blocks) / threads) * BLOCK
    const to = Math.min(resamples, Math.floor(((t + 1) * blocks) / threads) * BLOCK)
    return { task, seed, from, to }
  })
  await runWorkers(orders, take, signal)
  return values
}

function defaultThreads(task: ResamplingTask, resamples: number): number {
  const entries =
    task.kind === 'curve'
      ? task.positives.counts.length + task.negatives.counts.length + task.positives.width
      : task.kind === 'confusion'
        ? task.cells.counts.length + task.n ** 2
        : 0
  return (entries + task.images) * resamples < IN_PLACE ? 0 : availableParallelism()
}

/** Runs one worker thread for each order; all are ended when one fails or the signal fires. */
async function runWorkers(
  orders: readonly WorkerOrder[],
  take: (block: WorkerBlock) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const workers: Worker[] = []
  let stop = () => {}
  try {
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(abortedError(signal))
      signal?.addEventListener('abort', stop, { once: true })
    })
    const finished = orders.map((order) => {
      const worker = startThread('./resampling-worker', import.meta.url, order)
      workers.push(worker)
      return finish(worker, order, take)
    })
    await Promise.race([Promise.all(finished), aborted])
  } finally {
    signal?.removeEventListener('abort', stop)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function finish(worker: Worker, order: WorkerOrder, take: (block: WorkerBlock) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = order.to - order.from
    const fail = (reason: string, cause?: unknown) =>
      reject(new DenseHybridError('INTERNAL', `A resampling thread failed: ${reason}.`, { cause }))
    worker.on('message', (block: WorkerBlock) => {
      try {
        take(block)
      } catch (error) {
        reject(error)
      }
      left -= block.size
      if (left === 0) resolve()
    })
    worker.on('error', (error: Error) => fail(error.message, error))
    worker.on('exit', (code) => {
      if (left > 0) fail(`it ended early with code ${code}`)
    })
  })
}
