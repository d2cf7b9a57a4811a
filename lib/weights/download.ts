import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { throwIfAborted } from '../errors.ts'

/** When a download is given up. */
export interface DownloadLimits {
  /** Milliseconds until the host must have answered, redirects included. Default 10 000. */
  readonly connectTimeout?: number
  /** Milliseconds without data. Default 30 000. */
  readonly stallTimeout?: number
  /** Of the file. Default 1 GiB, several times the largest published file. */
  readonly maxBytes?: number
}

/** How a download is watched and stopped. */
export interface DownloadOptions extends DownloadLimits {
  readonly signal?: AbortSignal
  /** Called with the bytes so far, and with those of the whole file where the host says it. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void
}

/**
 * Why the host did not give the file.
 *
 * - `unreachable` no answer
 * - `refused` an answer, but not 200
 * - `interrupted` the data stopped before the end
 * - `not-the-file` a web page, or more than any such file has
 */
export type DownloadFailureKind = 'unreachable' | 'refused' | 'interrupted' | 'not-the-file'

/** The host did not give the file. `again`: a second attempt may succeed. */
export class DownloadFailure extends Error {
  readonly kind: DownloadFailureKind
  readonly again: boolean

  constructor(
    kind: DownloadFailureKind,
    message: string,
    options: { again?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.kind = kind
    this.again = options.again ?? false
  }
}

const TIMEOUT = Symbol('timeout')

/**
 * Downloads a file over http(s) straight to disk, and computes its SHA-256 on the way.
 *
 * @param path of the file to write; whoever calls removes it where this fails
 * @returns the SHA-256 in hex digits, and the number of bytes
 * @throws DownloadFailure; DenseHybridError ABORTED; what the file system or `onProgress` throws, as it is
 */
export async function download(
  url: URL,
  path: string,
  options: DownloadOptions = {},
): Promise<{ sha256: string; bytes: number }> {
  const { connectTimeout = 10_000, stallTimeout = 30_000, maxBytes = 2 ** 30, signal, onProgress } = options
  throwIfAborted(signal)
  const stopper = new AbortController()
  const onAbort = () => stopper.abort()
  signal?.addEventListener('abort', onAbort, { once: true })
  /** Waits for the network, but not longer than that; where that fails, throws what `failure` makes of the reason. */
  const within = async <T>(
    milliseconds: number,
    waiting: Promise<T>,
    failure: (reason: unknown) => DownloadFailure,
  ): Promise<T> => {
    const timer = setTimeout(() => stopper.abort(TIMEOUT), milliseconds)
    try {
      return await waiting
    } catch (error) {
      throwIfAborted(signal)
      throw failure(stopper.signal.reason === TIMEOUT ? TIMEOUT : error)
    } finally {
      clearTimeout(timer)
    }
  }
  try {
    // Compressed on the way, a file would have another length than the host states.
    const answer = fetch(url, { signal: stopper.signal, headers: { 'accept-encoding': 'identity' } })
    const response = await within(connectTimeout, answer, (reason) =>
      unreachable(url, reason, connectTimeout),
    )
    checkAnswer(url, response)
    const total = statedLength(response)
    checkLength(url, total ?? 0, maxBytes)
    const reader = response.body!.getReader()
    const hash = createHash('sha256')
    let bytes = 0
    const file = await open(path, 'w')
    try {
      for (;;) {
        const { done, value } = await within(stallTimeout, reader.read(), (reason) =>
          interrupted(url, reason, stallTimeout, bytes, total),
        )
        if (done) break
        if (bytes === 0) refuseWebPage(url, value)
        bytes += value.length
        checkLength(url, bytes, maxBytes)
        hash.update(value)
        await file.appendFile(value)
        onProgress?.(bytes, total)
      }
    } finally {
      await file.close()
    }
    return { sha256: hash.digest('hex'), bytes }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // Closes the connection of an answer that was not read to its end.
    stopper.abort()
  }
}

/** Refuses an answer that is not 200, and one that says itself that it is a web page. */
function checkAnswer(url: URL, response: Response): void {
  const { status } = response
  if (status !== 200) {
    // 408 and 429: the host is busy; from 500 on: it is in trouble. The others stay as they are.
    const again = status === 408 || status === 429 || status >= 500
    throw new DownloadFailure('refused', `${url.host} answered ${status}`, { again })
  }
  if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) throw webPage(url)
}

/** Refuses data that begin like HTML or XML, which no weight file does; some hosts send them with status 200. */
function refuseWebPage(url: URL, start: Uint8Array): void {
  if (/^\s*</.test(Buffer.from(start.subarray(0, 64)).toString('latin1'))) throw webPage(url)
}

function webPage(url: URL): DownloadFailure {
  return new DownloadFailure('not-the-file', `${url.host} sent a web page instead of the file`)
}

function checkLength(url: URL, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return
  const limit = Math.round(maxBytes / 2 ** 20)
  throw new DownloadFailure(
    'not-the-file',
    `${url.host} sent more than the ${limit} MiB that such a file may have`,
  )
}

/** Bytes of the whole file as the host states them; undefined where it does not, or compresses them. */
function statedLength({ headers }: Response): number | undefined {
  const length = headers.get('content-length')
  return length === null || headers.has('content-encoding') ? undefined : Number(length)
}

function unreachable(url: URL, reason: unknown, milliseconds: number): DownloadFailure {
  if (reason === TIMEOUT) {
    return new DownloadFailure('unreachable', `${url.host} did not answer within ${milliseconds / 1000} s`)
  }
  const message = `${url.host} could not be reached (${networkReason(reason)})`
  return new DownloadFailure('unreachable', message, { again: true, cause: reason })
}

function interrupted(
  url: URL,
  reason: unknown,
  milliseconds: number,
  bytes: number,
  total: number | undefined,
): DownloadFailure {
  const received = total === undefined ? `${bytes} bytes` : `${bytes} of ${total} bytes`
  const what =
    reason === TIMEOUT
      ? `${url.host} sent nothing for ${milliseconds / 1000} s, after ${received}`
      : `the connection to ${url.host} broke off after ${received} (${networkReason(reason)})`
  return new DownloadFailure('interrupted', what, { again: true, cause: reason })
}

/** fetch hides the reason in the cause of its error. */
function networkReason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException }
  return cause?.code ?? cause?.message ?? message
}
