/**
 * What went wrong, for programs to branch on.
 *
 * - `INVALID_ARGUMENT` an argument has the wrong type, shape or value
 * - `INVALID_FILE` a file cannot be read as what it should be (truncated, another format, wrong size)
 * - `INVALID_CONFIG` a configuration file or flag is wrong
 * - `NOT_FOUND` a file or folder is missing
 * - `IO` the system refused a read or write (disk full, permissions)
 * - `ARCHITECTURE_MISMATCH` a checkpoint belongs to another model
 * - `BUSY` the model is in use by another trainer
 * - `DISPOSED` the object was disposed
 * - `ABORTED` the AbortSignal fired
 * - `NON_FINITE` a loss, gradient or score is NaN or infinite
 * - `EMPTY` nothing to work on (no images, no valid pixels, no negative large enough)
 * - `NATIVE_MISSING` the native addon is not built or cannot be loaded
 * - `INTERNAL` a bug of ours
 */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_FILE'
  | 'INVALID_CONFIG'
  | 'NOT_FOUND'
  | 'IO'
  | 'ARCHITECTURE_MISMATCH'
  | 'BUSY'
  | 'DISPOSED'
  | 'ABORTED'
  | 'NON_FINITE'
  | 'EMPTY'
  | 'NATIVE_MISSING'
  | 'INTERNAL'

/** Every error this package throws on purpose. `hint` says what to do. */
export class DenseHybridError extends Error {
  readonly code: ErrorCode
  readonly hint?: string

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DenseHybridError'
    this.code = code
    if (options.hint !== undefined) this.hint = options.hint
  }
}

/** Throws ABORTED when `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal)
}

/** The error that an aborted call rejects with; the signal's reason is its cause. */
export function abortedError(signal?: AbortSignal): DenseHybridError {
  return new DenseHybridError('ABORTED', 'The operation was aborted.', { cause: signal?.reason })
}
