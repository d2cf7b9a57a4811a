import type { Worker } from 'node:worker_threads'
import { createLimiter } from '../../data/concurrency.ts'
import { DenseHybridError } from '../../errors.ts'
import { startThread } from '../../thread.ts'
import type { DecodedHdf5 } from './hdf5-decode.ts'
import type { Hdf5Answer } from './hdf5-worker.ts'

/** A file that takes longer, milliseconds, is damaged so that the library goes round in circles. */
const TIME_LIMIT = 120_000

const oneAtATime = createLimiter(1)
let thread: Promise<Worker> | undefined

/**
 * Decodes the dataset `value` of an HDF5 file in a thread of its own: a large frame takes 50 ms and more, and a damaged
 * one can bring the library down. The thread is started for the first file and does not keep the process alive.
 *
 * @returns the values, or the reason why the file cannot be decoded
 * @throws DenseHybridError INTERNAL where the thread does not start
 */
export function decodeInThread(bytes: Uint8Array): Promise<DecodedHdf5 | { readonly reason: string }> {
  return oneAtATime(async () => {
    const worker = await (thread ??= start())
    worker.ref()
    const answer = await ask(worker, bytes)
    if ('reason' in answer) await worker.terminate()
    else worker.unref()
    return answer
  })
}

async function start(): Promise<Worker> {
  const worker = startThread('./hdf5-worker', import.meta.url)
  worker.on('error', () => {}) // reported to whoever waits; without a listener it would end the process
  worker.once('exit', () => {
    thread = undefined
  })
  const answer = await nextAnswer(worker)
  if ('ready' in answer) return worker
  thread = undefined
  throw new DenseHybridError('INTERNAL', `The HDF5 library does not start: ${reasonIn(answer)}.`, {
    hint: 'Install the package again; other formats of score maps can be read meanwhile.',
  })
}

async function ask(worker: Worker, bytes: Uint8Array): Promise<DecodedHdf5 | { readonly reason: string }> {
  const answered = nextAnswer(worker)
  worker.postMessage(bytes)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Hdf5Answer>((resolve) => {
    timer = setTimeout(() => resolve({ reason: 'it takes longer than two minutes to decode' }), TIME_LIMIT)
  })
  const answer = await Promise.race([answered, late])
  clearTimeout(timer)
  return 'values' in answer ? answer : { reason: reasonIn(answer) }
}

/** The next message of the thread, or why there is none. */
function nextAnswer(worker: Worker): Promise<Hdf5Answer> {
  return new Promise((resolve) => {
    const settle = (answer: Hdf5Answer) => {
      worker.off('message', settle).off('error', failed).off('exit', ended)
      resolve(answer)
    }
    const failed = (error: Error) => settle({ reason: error.message })
    const ended = () => settle({ reason: 'its decoder stopped' })
    worker.on('message', settle).on('error', failed).on('exit', ended)
  })
}

function reasonIn(answer: Hdf5Answer): string {
  return 'reason' in answer ? answer.reason : 'it gave an answer out of turn'
}
