import { run, which } from './run.mjs'

/**
 * A Python to ask: `DENSEHYBRID_PYTHON`, else python3, else python.
 *
 * @returns {Promise<{ command: string, version: string } | undefined>}
 */
export async function findPython(env = process.env, signal) {
  const names = env.DENSEHYBRID_PYTHON ? [env.DENSEHYBRID_PYTHON] : ['python3', 'python']
  for (const name of names) {
    const command = which(name, env)
    if (command === undefined) continue
    const { code, output } = await run(
      command,
      ['-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])'],
      {
        env: quiet(env),
        signal,
        timeout: 20_000,
      },
    )
    const version = /^(\d+)\.\d+\.\d+$/m.exec(output)
    if (code === 0 && version?.[1] === '3') return { command, version: version[0] }
  }
  return undefined
}

/** Version of this Python's pip, or undefined. */
export async function pipVersion(python, env = process.env, signal) {
  const { code, output } = await run(python.command, ['-m', 'pip', '--version'], {
    env: quiet(env),
    signal,
    timeout: 30_000,
  })
  return code === 0 ? /^pip (\S+)/m.exec(output)?.[1] : undefined
}

/**
 * Folder of this Python's torch package, or undefined. The package is found, not imported: importing takes seconds. The
 * current folder is left out of the search, or a folder named torch in it would be taken for the package.
 */
export async function torchFolder(python, env = process.env, signal) {
  const script = [
    'import sys',
    'sys.path = [p for p in sys.path if p not in ("", ".")]',
    'import importlib.util as u',
    's = u.find_spec("torch")',
    'print("torch:" + s.submodule_search_locations[0] if s and s.submodule_search_locations else "none")',
  ].join('\n')
  const { code, output } = await run(python.command, ['-c', script], {
    env: quiet(env),
    signal,
    timeout: 20_000,
  })
  return code === 0 ? /^torch:(.+)$/m.exec(output)?.[1] : undefined
}

/** No .pyc files beside other people's packages. */
function quiet(env) {
  return { ...env, PYTHONDONTWRITEBYTECODE: '1' }
}
