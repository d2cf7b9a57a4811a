import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheRoot, fileSystemError } from '../../scripts/native/index.mjs'
import { fileError } from '../data/read-bytes.ts'
import { abortedError, DenseHybridError, throwIfAborted } from '../errors.ts'
import { checkOptionNames } from '../validate.ts'
import { DownloadFailure, type DownloadOptions, download } from './download.ts'
import {
  fetchAddress,
  type ImageNetBackbone,
  type ImageNetVersion,
  imagenetFileName,
  publishedAddress,
  statedHash,
} from './imagenet-files.ts'

/** Options of {@link imagenetFile}. */
export interface ImageNetFileOptions {
  /** Default IMAGENET1K_V1. */
  readonly version?: ImageNetVersion
  readonly signal?: AbortSignal
  /**
   * Called with the bytes so far, and with those of the whole file where the host says it; only while a file is being
   * downloaded. A second attempt begins again at its first bytes.
   */
  readonly onProgress?: (bytes: number, total: number | undefined) => void
  /** Called where a cached file is damaged and is fetched again. Default: `process.emitWarning`. */
  readonly onWarning?: (text: string) => void
}

/**
 * The file with a backbone's ImageNet weights as torchvision publishes it: from the cache, else downloaded into it. The
 * cache is the install scripts' (DENSEHYBRID_CACHE, else $XDG_CACHE_HOME/densehybrid, else ~/.cache/densehybrid); files
 * lie in its folder weights/, where they may also be put by hand.
 *
 * Whatever is returned was checked, in this call, against the start of the SHA-256 in its name. 32 bits tell a damaged
 * file; against somebody who forges one only https protects.
 *
 * @returns path of the .pth file
 * @throws DenseHybridError INVALID_ARGUMENT for a backbone or version that is not published; NOT_FOUND where the file is
 * not in the cache and could not be fetched (no network, DENSEHYBRID_SKIP_DOWNLOAD=1, an answer other than 200);
 * INVALID_FILE where something else than the file came, or a damaged one may not be fetched again; INVALID_CONFIG for
 * DENSEHYBRID_WEIGHTS_URL; IO for the cache folder; ABORTED. The cache then holds what it held before.
 */
export async function imagenetFile(
  backbone: ImageNetBackbone,
  options: ImageNetFileOptions = {},
): Promise<string> {
  checkOptionNames('imagenetFile', options, ['version', 'signal', 'onProgress', 'onWarning'])
  const { version, ...rest } = options
  return publishedFile(imagenetFileName(backbone, version), `the ImageNet weights of ${backbone}`, rest)
}

/** Options of {@link publishedFile}. */
export interface PublishedFileOptions extends DownloadOptions {
  readonly onWarning?: (text: string) => void
  /** Milliseconds before the second attempt. Default 1000. */
  readonly pause?: number
}

/**
 * {@link imagenetFile} for any file of torchvision whose name states its hash.
 *
 * @param what the file is, for messages: 'the ImageNet weights of resnet18'
 */
export async function publishedFile(
  file: string,
  what: string,
  options: PublishedFileOptions = {},
): Promise<string> {
  const expected = statedHash(file)
  if (expected === undefined) throw new DenseHybridError('INTERNAL', `${file} does not state its SHA-256.`)
  const folder = join(cacheRoot(), 'weights')
  const wanted: Wanted = { file, what, expected, folder, path: join(folder, file) }
  const cached = await cachedHash(wanted.path, options.signal)
  if (cached?.startsWith(expected)) return wanted.path
  if (process.env.DENSEHYBRID_SKIP_DOWNLOAD === '1') {
    const reason = 'DENSEHYBRID_SKIP_DOWNLOAD=1 forbids fetching it'
    if (cached === undefined) throw notFetched(wanted, reason)
    const message = `${damaged(wanted, cached)}; ${reason} again.`
    throw new DenseHybridError('INVALID_FILE', message, { hint: wayOut(wanted) })
  }
  if (cached !== undefined) {
    const warn = options.onWarning ?? ((text) => process.emitWarning(text, 'DenseHybridWarning'))
    warn(`${damaged(wanted, cached)}; it is fetched again.`)
  }
  await fetchInto(wanted, fetchAddress(file), options)
  return wanted.path
}

interface Wanted {
  readonly file: string
  readonly what: string
  /** The first hex digits of its SHA-256. */
  readonly expected: string
  /** Of the cache. */
  readonly folder: string
  readonly path: string
}

/** The SHA-256 of a file in hex digits; undefined where there is none. */
async function cachedHash(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 2 ** 20 })) hash.update(chunk)
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal)
    const failure = fileError(path, error)
    if (failure.code === 'NOT_FOUND') return undefined
    throw failure
  }
  return hash.digest('hex')
}

/** Downloads under a name of its own, which becomes the file's by one rename: other processes see all of it or nothing. */
async function fetchInto(wanted: Wanted, address: URL, options: PublishedFileOptions): Promise<void> {
  const { folder, path, file, expected } = wanted
  const part = join(folder, `${file}.${randomUUID()}.part`)
  try {
    await mkdir(folder, { recursive: true })
    await removeLeftovers(folder)
    const { sha256, bytes } = await downloadTwice(wanted, address, part, options)
    if (!sha256.startsWith(expected)) {
      const message = `${file} from ${address.host} (${bytes} bytes) is not ${wanted.what}: its SHA-256 is ${sha256}, expected ${expected}… as in its name.`
      throw new DenseHybridError('INVALID_FILE', message, { hint: wayOut(wanted) })
    }
    await rename(part, path)
  } catch (error) {
    throw cacheError(error, folder)
  } finally {
    await rm(part, { force: true }).catch(() => {})
  }
}

/** One attempt, and a second where the first failed for a reason that may pass. */
async function downloadTwice(
  wanted: Wanted,
  address: URL,
  part: string,
  { pause = 1000, ...options }: PublishedFileOptions,
): Promise<{ sha256: string; bytes: number }> {
  try {
    return await download(address, part, options)
  } catch (error) {
    if (!(error instanceof DownloadFailure)) throw error
    if (!error.again) throw failedDownload(wanted, error)
  }
  await sleep(pause, undefined, { signal: options.signal }).catch(() => throwIfAborted(options.signal))
  try {
    return await download(address, part, options)
  } catch (error) {
    throw error instanceof DownloadFailure ? failedDownload(wanted, error) : error
  }
}

/** A running download writes at least every half minute; what was not written for an hour was left by a killed process. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.part')) continue
    const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (Date.now() - mtimeMs > 3_600_000) await rm(join(folder, name), { force: true }).catch(() => {})
  }
}

function failedDownload(wanted: Wanted, failure: DownloadFailure): DenseHybridError {
  if (failure.kind !== 'not-the-file') return notFetched(wanted, failure.message, failure)
  const message = `${wanted.file} (${wanted.what}) could not be fetched: ${failure.message}.`
  return new DenseHybridError('INVALID_FILE', message, { hint: wayOut(wanted), cause: failure })
}

function notFetched(wanted: Wanted, reason: string, cause?: unknown): DenseHybridError {
  const message = `${wanted.file} (${wanted.what}) is missing and could not be fetched: ${reason}.`
  return new DenseHybridError('NOT_FOUND', message, { hint: wayOut(wanted), cause })
}

function damaged({ path, expected }: Wanted, sha256: string): string {
  return `${path} is damaged: its SHA-256 begins with ${sha256.slice(0, expected.length)}, expected ${expected}`
}

function wayOut({ file, path }: Wanted): string {
  const mirror = process.env.DENSEHYBRID_WEIGHTS_URL
    ? 'Check DENSEHYBRID_WEIGHTS_URL. Or download'
    : 'Download'
  return `${mirror} ${publishedAddress(file)} elsewhere and put it at ${path}, or pass the file itself (--weights FILE, weights: 'FILE').`
}

/** What the file system refused, in this package's terms; other errors as they are. */
export function cacheError(error: unknown, folder: string): unknown {
  if (typeof (error as NodeJS.ErrnoException | undefined)?.syscall !== 'string') return error
  const { message, hint } = fileSystemError(folder, error) as Error & { hint?: string }
  return new DenseHybridError('IO', message, {
    hint: hint ?? 'Set DENSEHYBRID_CACHE to a folder that you can write to.',
    cause: error,
  })
}
