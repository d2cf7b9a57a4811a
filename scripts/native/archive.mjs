import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { interruptedError, isDiskFull } from './errors.mjs'
import { megabytes } from './log.mjs'

const OFFICIAL = 'https://download.pytorch.org'

/** Index of the official CPU wheels, for pip; on the same host as the archives. */
export const OFFICIAL_CPU_INDEX = `${OFFICIAL}/whl/cpu`

/**
 * Where the official archive of a version lies; undefined where there is none for this machine.
 *
 * @param {string} version
 * @param {{ cudaMajor?: number, arch?: string }} [options] `cudaMajor`: of nvcc, for a CUDA build
 */
export function archiveUrl(version, { cudaMajor, arch = process.arch } = {}) {
  if (arch !== 'x64') return undefined
  const variant = cudaMajor === undefined ? 'cpu' : { 12: 'cu126', 13: 'cu130' }[cudaMajor]
  if (variant === undefined) return undefined
  return `${OFFICIAL}/libtorch/${variant}/libtorch-shared-with-deps-${version}%2B${variant}.zip`
}

/** The archive could not be had from there. `reachable`: the host answered. */
export class ArchiveUnavailable extends Error {
  constructor(message, reachable) {
    super(message)
    this.reachable = reachable
  }
}

/**
 * Downloads a zip over http(s). Gives up after `connectTimeout` without an answer, and after `stallTimeout` without data.
 *
 * @param {string} url
 * @param {string} folder where the file goes
 * @param {{ log: ReturnType<import('./log.mjs').createLog>, signal?: AbortSignal, connectTimeout?: number, stallTimeout?: number }} options milliseconds
 * @returns {Promise<string>} the file
 * @throws ArchiveUnavailable; a full disk as the system's error; InstallError when the signal fires
 */
export async function downloadArchive(
  url,
  folder,
  { log, signal, connectTimeout = 5000, stallTimeout = 30_000 },
) {
  const host = new URL(url).host
  const watch = new AbortController()
  const stop = () => watch.abort()
  signal?.addEventListener('abort', stop, { once: true })
  let timer = setTimeout(stop, connectTimeout)
  let reachable = false
  try {
    const response = await fetch(url, { signal: watch.signal })
    reachable = true
    if (!response.ok) {
      await response.body?.cancel()
      throw new ArchiveUnavailable(`${host} answered ${response.status} for ${url}`, true)
    }
    const total = Number(response.headers.get('content-length')) || undefined
    let received = 0
    const count = new Transform({
      transform(chunk, _encoding, done) {
        clearTimeout(timer)
        timer = setTimeout(stop, stallTimeout)
        received += chunk.length
        log.progress(`downloading libtorch: ${megabytes(received)}${total ? ` of ${megabytes(total)}` : ''}`)
        done(null, chunk)
      },
    })
    const file = join(folder, decodeURIComponent(new URL(url).pathname.split('/').pop()))
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(file))
    if (total !== undefined && received !== total) {
      throw new ArchiveUnavailable(`${host} sent ${received} of ${total} bytes`, true)
    }
    return file
  } catch (error) {
    if (signal?.aborted) throw interruptedError()
    if (error instanceof ArchiveUnavailable || isDiskFull(error)) throw error
    if (!reachable) throw new ArchiveUnavailable(`${host} could not be reached (${reason(error)})`, false)
    throw new ArchiveUnavailable(`the download from ${host} broke off (${reason(error)})`, true)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function reason(error) {
  if (error?.name === 'AbortError') return 'timeout'
  return error?.cause?.code ?? error?.cause?.message ?? error?.message
}
