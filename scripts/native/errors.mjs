/** A failure of the build that the user can act on: one line of what happened, one hint of what to do about it. */
export class InstallError extends Error {
  /**
   * @param {string} message what happened, naming the file, program or variable
   * @param {string} [hint] the way out
   * @param {{ cause?: unknown, exitCode?: number, details?: string }} [options] `details`: output of a program, shown above the message
   */
  constructor(message, hint, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'InstallError'
    this.hint = hint
    this.exitCode = options.exitCode ?? 1
    this.details = options.details
  }
}

/** The error of an interrupted build; whatever was half done has been removed by then. */
export function interruptedError() {
  return new InstallError('Interrupted. Nothing half done was kept.', 'Run the same command again.', {
    exitCode: 130,
  })
}

/** Does this error, or this output of a program, say that the disk is full? */
export function isDiskFull(errorOrText) {
  if (errorOrText instanceof Error && errorOrText.code === 'ENOSPC') return true
  const text = errorOrText instanceof Error ? errorOrText.message : String(errorOrText)
  return /No space left on device|ENOSPC|\[Errno 28\]|Disk quota exceeded|EDQUOT/i.test(text)
}

/** The error of a file operation on `path`, with the way out for a full disk and for missing rights. */
export function fileSystemError(path, error) {
  if (error instanceof InstallError || error?.name === 'AbortError') return error
  if (isDiskFull(error)) {
    return new InstallError(
      `The disk of ${path} is full.`,
      'Free some space, or set DENSEHYBRID_CACHE to a folder on another disk, and run the command again.',
      { cause: error },
    )
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(error?.code)) {
    return new InstallError(
      `No permission to write to ${error.path ?? path}.`,
      'Change its owner, or set DENSEHYBRID_CACHE to a folder that you can write to.',
      { cause: error },
    )
  }
  return new InstallError(`${path}: ${error?.message ?? error}`, undefined, { cause: error })
}
