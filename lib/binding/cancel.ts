import { abortedError } from '../errors.ts'
import type { CancelFlag } from './native.ts'
import { fromNative } from './native-errors.ts'

/**
 * Runs a job of the addon that an AbortSignal can cancel. The job gets a byte of shared memory, which its thread polls
 * while the event loop does other things; the byte becomes 1 when the signal fires.
 *
 * A job that finishes before it notices resolves: its effects have happened.
 *
 * @param signal without one, `job` gets no flag and cannot be cancelled
 * @param job starts the work; not called when the signal has fired already
 * @throws DenseHybridError `ABORTED` with the signal's reason as cause when the job stopped because of the signal;
 * otherwise the job's own error, see {@link fromNative}
 */
export async function withCancel<T>(
  signal: AbortSignal | undefined,
  job: (flag: CancelFlag | undefined) => Promise<T> | T,
): Promise<T> {
  if (signal?.aborted) throw abortedError(signal)
  const flag = signal === undefined ? undefined : new Uint8Array(new SharedArrayBuffer(1))
  const cancel = () => Atomics.store(flag!, 0, 1)
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await job(flag)
  } catch (error) {
    const mapped = fromNative(error)
    throw mapped.code === 'ABORTED' && signal?.aborted ? abortedError(signal) : mapped
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}
