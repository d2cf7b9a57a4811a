import { readFile } from 'node:fs/promises'
import { abortedError, DenseHybridError, throwIfAborted } from '../errors.ts'
import { invalid } from '../validate.ts'

/**
 * The whole content of a file.
 *
 * @throws DenseHybridError `NOT_FOUND` where there is no such file, `INVALID_FILE` for a folder or an empty file, `IO`
 * where the system refuses the read, `ABORTED` when `signal` fires. Every message names the file.
 */
export async function readBytes(path: string, options: { signal?: AbortSignal } = {}): Promise<Buffer> {
  if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of a file', path)
  throwIfAborted(options.signal)
  let bytes: Buffer
  try {
    bytes = await readFile(path, options)
  } catch (error) {
    if (options.signal?.aborted) throw abortedError(options.signal)
    throw fileError(path, error)
  }
  if (bytes.length === 0) {
    throw new DenseHybridError('INVALID_FILE', `${path} is empty (0 bytes).`, {
      hint: 'An interrupted copy or a full disk leaves such files: copy it again.',
    })
  }
  return bytes
}

/** Reads and parses a JSON file; a syntax error becomes `INVALID_FILE` with the parser's reason. */
export async function readJson(path: string, options: { signal?: AbortSignal } = {}): Promise<unknown> {
  const text = (await readBytes(path, options)).toString('utf8').replace(/^\uFEFF/, '')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `${path} is not valid JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The error of a system call on `path`, in the package's terms. */
export function fileError(path: string, error: unknown): DenseHybridError {
  const { code, message } = error as NodeJS.ErrnoException
  const cause = { cause: error }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new DenseHybridError('NOT_FOUND', `${path} does not exist.`, cause)
  }
  if (code === 'EISDIR')
    return new DenseHybridError('INVALID_FILE', `${path} is a folder, not a file.`, cause)
  if (code === 'ERR_FS_FILE_TOO_LARGE') {
    return new DenseHybridError('INVALID_FILE', `${path} is larger than 2 GiB.`, cause)
  }
  return new DenseHybridError('IO', `${path} cannot be accessed: ${message}`, cause)
}
