import { listCached } from './cache.mjs'
import { InstallError } from './errors.mjs'
import { inspectLibtorch } from './libtorch.mjs'
import { findPython, torchFolder } from './python.mjs'

/**
 * Looks for a libtorch on this machine: the given folder or $LIBTORCH, then Python's torch, then the cache. Nothing is
 * fetched. A folder that the user names must be right; elsewhere what does not fit is passed over and noted.
 *
 * @param {{ explicit?: string, cuda?: boolean, root: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal }} options
 *   `explicit`: --libtorch; `cuda`: only a CUDA build will do
 * @returns {Promise<{ found?: { dir: string, version: string, cuda: boolean, source: string }, notes: string[] }>}
 */
export async function locateLibtorch({ explicit, cuda = false, root, env = process.env, signal }) {
  const named = explicit ? { dir: explicit, source: '--libtorch' } : { dir: env.LIBTORCH, source: 'LIBTORCH' }
  if (named.dir) {
    const libtorch = inspectLibtorch(named.dir, `${named.source}${explicit ? ' ' : '='}${named.dir}`)
    if (cuda && !libtorch.cuda) {
      throw new InstallError(
        `${named.source} names a CPU build of libtorch (${libtorch.dir}), and --cuda needs a CUDA build.`,
        'Name a CUDA build, or leave it out to have one found or fetched.',
      )
    }
    return { found: { ...libtorch, source: named.source }, notes: [] }
  }

  const notes = []
  const python = await findPython(env, signal)
  const folder = python === undefined ? undefined : await torchFolder(python, env, signal)
  if (folder !== undefined) {
    try {
      const libtorch = inspectLibtorch(folder)
      if (!cuda || libtorch.cuda) return { found: { ...libtorch, source: 'Python' }, notes }
      notes.push(`Python's torch at ${folder} is a CPU build`)
    } catch (error) {
      notes.push(`Python's torch cannot be used: ${error.message}`)
    }
  }

  const cached = (await listCached(root)).find((libtorch) => libtorch.cuda === cuda)
  if (cached === undefined) return { notes }
  const { dir, version, cuda: isCuda } = cached
  return { found: { dir, version, cuda: isCuda, source: 'cache' }, notes }
}
