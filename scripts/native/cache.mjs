import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileSystemError } from './errors.mjs'
import { compareVersions, FETCHED_VERSION, inspectLibtorch } from './libtorch.mjs'

// Layout of the cache:
//   libtorch-2.13.0-cpu/      manifest.json, torch/include, torch/lib; complete, or it would not have this name
//   download-…/               work in progress of the holder of the lock; anybody else's is a leftover
//   lock                      see lock.mjs

/** The folder where a fetched libtorch is kept. */
export function cacheRoot(env = process.env) {
  if (env.DENSEHYBRID_CACHE) return resolve(env.DENSEHYBRID_CACHE)
  // The XDG specification has relative paths ignored.
  if (env.XDG_CACHE_HOME?.startsWith('/')) return join(env.XDG_CACHE_HOME, 'densehybrid')
  return join(env.HOME || homedir(), '.cache', 'densehybrid')
}

/** Name of a cached libtorch's folder, for example `libtorch-2.13.0-cpu`. */
export function entryName(version, cuda) {
  return `libtorch-${version}-${cuda ? 'cuda' : 'cpu'}`
}

/**
 * The complete libtorchs in the cache, best first: the version that this package fetches, then newest first.
 *
 * @param {string} root
 * @returns {Promise<{ dir: string, version: string, cuda: boolean, entry: string }[]>}
 */
export async function listCached(root) {
  const found = []
  for (const name of await entries(root)) {
    const entry = join(root, name)
    if (!name.startsWith('libtorch-') || (await entryProblem(entry)) !== undefined) continue
    found.push({ ...inspectLibtorch(join(entry, 'torch')), entry })
  }
  const preferred = (libtorch) => (libtorch.version === FETCHED_VERSION ? 1 : 0)
  return found.sort((a, b) => preferred(b) - preferred(a) || compareVersions(b.version, a.version))
}

/** Why a folder of the cache cannot be used; undefined when it can. */
export async function entryProblem(entry) {
  let manifest
  try {
    manifest = JSON.parse(await readFile(join(entry, 'manifest.json'), 'utf8'))
  } catch {
    return 'it has no manifest'
  }
  for (const [file, size] of Object.entries(manifest.libraries ?? {})) {
    const there = await stat(join(entry, 'torch/lib', file)).catch(() => undefined)
    if (there?.size !== size) return `torch/lib/${file} is damaged`
  }
  try {
    inspectLibtorch(join(entry, 'torch'))
  } catch (error) {
    return error.message
  }
  return undefined
}

/** Removes what an interrupted or damaged install left behind. Call it with the lock held. Returns what was removed. */
export async function discardBroken(root) {
  const removed = []
  for (const name of await entries(root)) {
    const path = join(root, name)
    const broken =
      name.startsWith('download-') || (name.startsWith('libtorch-') && (await isIncomplete(path)))
    if (!broken) continue
    await rm(path, { recursive: true, force: true })
    removed.push(name)
  }
  return removed
}

/** An unsupported version is left alone: another version of this package may use it. */
async function isIncomplete(entry) {
  const problem = await entryProblem(entry)
  return problem !== undefined && !problem.includes('supported are')
}

/**
 * Turns a finished work folder (torch/ and perhaps nvidia/) into an entry of the cache: the manifest is written and
 * synced last, then the folder gets its name by one rename.
 *
 * @param {string} root
 * @param {string} work folder inside `root`
 * @param {Record<string, unknown>} facts what the manifest says beside the sizes of the libraries
 * @returns {Promise<string>} the entry's folder
 */
export async function publish(root, work, facts) {
  const { version, cuda } = inspectLibtorch(join(work, 'torch'))
  const libraries = {}
  for (const file of await readdir(join(work, 'torch/lib'))) {
    const { size } = await stat(join(work, 'torch/lib', file))
    if (/\.so(\.|$)/.test(file)) libraries[file] = size
  }
  const manifest = { version, cuda, ...facts, createdAt: new Date().toISOString(), libraries }
  const file = await open(join(work, 'manifest.json'), 'w')
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  const entry = join(root, entryName(version, cuda))
  await rm(entry, { recursive: true, force: true })
  await rename(work, entry)
  return entry
}

/** Creates the cache folder; says what to do where that is refused. */
export async function ensureCache(root) {
  try {
    await mkdir(root, { recursive: true })
  } catch (error) {
    throw fileSystemError(root, error)
  }
}

async function entries(root) {
  return existsSync(root) ? (await readdir(root)).sort() : []
}
