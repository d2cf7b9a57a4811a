import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rm, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ArchiveUnavailable, archiveUrl, downloadArchive } from './archive.mjs'
import { discardBroken, ensureCache, entryName, listCached, publish } from './cache.mjs'
import { fileSystemError, InstallError } from './errors.mjs'
import { FETCHED_VERSION, inspectLibtorch } from './libtorch.mjs'
import { withLock } from './lock.mjs'
import { megabytes } from './log.mjs'
import { pipDownload } from './pip.mjs'
import { unpack } from './unzip.mjs'

/** sha256 of the files whose content is known; others are accepted and their sum is recorded in the manifest. */
export const KNOWN_SHA256 = {
  'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl':
    '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
}

/** Free bytes needed for the download and the unpacked files together. */
export const SPACE_NEEDED = { cpu: 1.5e9, cuda: 9e9 }

/**
 * Fetches libtorch into the cache: the official archive, else the wheel through pip. Several processes may call this at
 * once; one downloads and the others take its result.
 *
 * @param {{ root: string, cuda?: boolean, cudaMajor?: number, env?: NodeJS.ProcessEnv, log: ReturnType<import('./log.mjs').createLog>, signal?: AbortSignal, spaceNeeded?: number }} options
 *   `cudaMajor`: major version of nvcc; `DENSEHYBRID_LIBTORCH_URL` in `env` names another archive
 * @returns {Promise<{ dir: string, version: string, cuda: boolean }>}
 * @throws InstallError; the cache then holds what it held before
 */
export async function fetchLibtorch({
  root,
  cuda = false,
  cudaMajor,
  env = process.env,
  log,
  signal,
  spaceNeeded,
}) {
  await ensureCache(root)
  const onWait = (holder) => log.info(`waiting for ${holder}, which is fetching libtorch into ${root}`)
  return await withLock(
    root,
    async () => {
      for (const name of await discardBroken(root))
        log.info(`removed ${join(root, name)}, left by an interrupted install`)
      const cached = (await listCached(root)).find((libtorch) => libtorch.cuda === cuda)
      if (cached !== undefined) return inspectLibtorch(cached.dir)
      await checkSpace(root, spaceNeeded ?? SPACE_NEEDED[cuda ? 'cuda' : 'cpu'])
      const work = join(
        root,
        `download-${entryName(FETCHED_VERSION, cuda).slice('libtorch-'.length)}-${process.pid}`,
      )
      try {
        await mkdir(join(work, 'unpacked'), { recursive: true })
        const entry = await downloadAndUnpack(work, { root, cuda, cudaMajor, env, log, signal })
        return inspectLibtorch(join(entry, 'torch'))
      } catch (error) {
        throw fileSystemError(root, error)
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
    { signal, onWait },
  )
}

async function downloadAndUnpack(work, { root, cuda, cudaMajor, env, log, signal }) {
  const { files, source } = await download(work, { cuda, cudaMajor, env, log, signal })
  const facts = { source, files: {} }
  const unknown = []
  for (const file of files) {
    log.progress(`checking ${basename(file)}`)
    const { sha256, known } = await verify(file)
    facts.files[basename(file)] = { sha256 }
    if (!known) unknown.push(basename(file))
    log.progress(`unpacking ${basename(file)}`)
    await unpack(file, join(work, 'unpacked'), { env, signal })
    await rm(file)
  }
  if (unknown.length > 0) {
    const what = unknown.length === 1 ? unknown[0] : `${unknown[0]} and ${unknown.length - 1} more files`
    log.info(`no checksum is known for ${what}; what came is recorded in the cache's manifest.json`)
  }
  const { cuda: isCuda } = inspectLibtorch(join(work, 'unpacked/torch'), basename(files[0]))
  if (isCuda !== cuda) {
    throw new InstallError(
      `${basename(files[0])} is a ${isCuda ? 'CUDA' : 'CPU'} build of libtorch; a ${cuda ? 'CUDA' : 'CPU'} build was asked for.`,
      'Set LIBTORCH to an unzipped libtorch of the wanted kind.',
    )
  }
  return await publish(root, join(work, 'unpacked'), facts)
}

async function download(work, { cuda, cudaMajor, env, log, signal }) {
  const given = env.DENSEHYBRID_LIBTORCH_URL
  const url = given || archiveUrl(FETCHED_VERSION, cuda ? { cudaMajor: cudaMajor ?? 0 } : {})
  let officialIndex = false
  if (url !== undefined) {
    try {
      log.info(`fetching libtorch ${FETCHED_VERSION} (${cuda ? 'CUDA' : 'CPU'}) from ${hostOf(url)}`)
      return { files: [await downloadArchive(url, work, { log, signal })], source: url }
    } catch (error) {
      if (!(error instanceof ArchiveUnavailable)) throw error
      if (given) {
        throw new InstallError(
          `libtorch could not be fetched: ${error.message}.`,
          'Correct or unset DENSEHYBRID_LIBTORCH_URL.',
        )
      }
      officialIndex = error.reachable
      log.info(`${error.message}; trying pip`)
    }
  }
  return { files: await pipDownload(work, { cuda, env, officialIndex, log, signal }), source: 'pip' }
}

function hostOf(url) {
  if (URL.canParse(url) && /^https?:/.test(url)) return new URL(url).host
  throw new InstallError(`DENSEHYBRID_LIBTORCH_URL is no http(s) URL: ${url}`, 'Correct or unset it.')
}

/**
 * The sha256 of `file`, and whether it was known beforehand.
 *
 * @throws InstallError where the file is not what its name says
 */
export async function verify(file, expectations = KNOWN_SHA256) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  const sha256 = hash.digest('hex')
  const expected = expectations[basename(file)]
  if (expected !== undefined && expected !== sha256) {
    throw new InstallError(
      `${basename(file)} was damaged or altered on the way: its sha256 is ${sha256}, expected ${expected}.`,
      'Run the command again; if it stays so, check the proxy or mirror it came through.',
    )
  }
  return { sha256, known: expected !== undefined }
}

async function checkSpace(root, needed) {
  const { bavail, bsize } = await statfs(root)
  const free = bavail * bsize
  if (free < needed) {
    throw new InstallError(
      `libtorch needs ${megabytes(needed)} in ${root}, and ${megabytes(free)} are free.`,
      'Free some space, or set DENSEHYBRID_CACHE to a folder on another disk.',
    )
  }
}
