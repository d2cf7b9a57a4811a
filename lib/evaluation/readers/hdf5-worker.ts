/** Thread that decodes HDF5 files: answers every message, the bytes of a file, with its values or the reason. */
import { parentPort } from 'node:worker_threads'
import { type DecodedHdf5, decodeHdf5, loadHdf5 } from './hdf5-decode.ts'

/** What the thread says: once when it is ready, then an answer a file. */
export type Hdf5Answer = { readonly ready: true } | DecodedHdf5 | { readonly reason: string }

await loadHdf5()
parentPort!.on('message', (bytes: Uint8Array) => {
  try {
    const decoded = decodeHdf5(bytes)
    parentPort!.postMessage(decoded satisfies Hdf5Answer, [decoded.values.buffer])
  } catch (error) {
    parentPort!.postMessage({ reason: (error as Error).message } satisfies Hdf5Answer)
  }
})
parentPort!.postMessage({ ready: true } satisfies Hdf5Answer)
