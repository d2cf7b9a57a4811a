import { loadNative } from './binding/load.ts'
import type { NativeArchitecture, NativeInfo } from './binding/native.ts'
import { callNative } from './binding/native-errors.ts'
import { checkInteger } from './validate.ts'

/**
 * What the addon says about itself and the machine; needs no model.
 *
 * @throws DenseHybridError NATIVE_MISSING where the addon is not built
 */
export function info(): NativeInfo {
  return callNative(() => loadNative().info())
}

/** The network architectures with their defaults. Throws NATIVE_MISSING. */
export function architectures(): NativeArchitecture[] {
  return callNative(() => loadNative().architectures())
}

/**
 * Sets the number of threads that one computation uses (1 … 1024); holds for jobs that begin afterwards.
 *
 * @throws DenseHybridError INVALID_ARGUMENT, NATIVE_MISSING
 */
export function setThreads(threads: number): void {
  checkInteger('threads', threads, 1, 1024)
  callNative(() => loadNative().setThreads(threads))
}
