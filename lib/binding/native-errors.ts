import { DenseHybridError, type ErrorCode } from '../errors.ts'

/** Every code, so that the compiler reports one that is missing here. */
const CODES: Record<ErrorCode, true> = {
  INVALID_ARGUMENT: true,
  INVALID_FILE: true,
  INVALID_CONFIG: true,
  NOT_FOUND: true,
  IO: true,
  ARCHITECTURE_MISMATCH: true,
  BUSY: true,
  DISPOSED: true,
  ABORTED: true,
  NON_FINITE: true,
  EMPTY: true,
  NATIVE_MISSING: true,
  INTERNAL: true,
}

/** Is this text one of the codes of {@link ErrorCode}? */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CODES, code)
}

/**
 * An error of the addon in the package's terms. The addon throws `Error` objects with `code` (an {@link ErrorCode}) and
 * sometimes `hint`; anything else that comes out of it is a bug and becomes `INTERNAL`. The original is the cause.
 */
export function fromNative(error: unknown): DenseHybridError {
  if (error instanceof DenseHybridError) return error
  const { code, hint, message } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    hint?: unknown
    message?: unknown
  }
  const text = typeof message === 'string' && message !== '' ? message : String(error)
  return new DenseHybridError(isErrorCode(code) ? code : 'INTERNAL', text, {
    cause: error,
    ...(typeof hint === 'string' && hint !== '' ? { hint } : {}),
  })
}

/** Runs a synchronous call into the addon; what it throws is a {@link DenseHybridError}. */
export function callNative<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}
