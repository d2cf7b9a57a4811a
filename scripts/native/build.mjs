import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, freemem } from 'node:os'
import { dirname, join } from 'node:path'
import { buildFailure } from './build-failure.mjs'
import { InstallError } from './errors.mjs'
import { withLock } from './lock.mjs'
import { run } from './run.mjs'

/** A translation unit with libtorch's wide headers takes up to 1.3 GB. */
const MEMORY_PER_JOB = 1.5e9

/** How many compilers run at once: DENSEHYBRID_JOBS, else as many as cores and free memory allow. */
export function jobCount(env = process.env, cores = availableParallelism(), free = freemem()) {
  const asked = Number(env.DENSEHYBRID_JOBS)
  if (Number.isInteger(asked) && asked > 0) return asked
  return Math.max(1, Math.min(cores, Math.floor(free / MEMORY_PER_JOB)))
}

/**
 * Path of cmake-js's program, wherever npm has put the package (beside this one, below it, or further up).
 *
 * @param {string} root folder of this package
 */
export function findCMakeJs(root) {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve('cmake-js/package.json')
    return join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin['cmake-js'])
  } catch (cause) {
    throw new InstallError(`cmake-js was not found from ${root}.`, 'Install the dependencies: npm install.', {
      cause,
    })
  }
}

/**
 * Configures, compiles, tries and publishes the addon: `build/<buildType>/densehybrid.node`, with what it was built from
 * in `densehybrid.json` beside it. Compilation happens in `build/cmake/<buildType>`, so that a failure leaves the last
 * good addon in its place. Objects are reused while nothing that matters to all of them has changed.
 *
 * @param {{ root: string, libtorch: { dir: string, version: string, cuda: boolean, source: string },
 *   tools: Awaited<ReturnType<import('./toolchain.mjs').requireToolchain>>, buildType?: string, cuda?: 'AUTO' | 'ON' | 'OFF',
 *   env?: NodeJS.ProcessEnv, verbose?: boolean, log: ReturnType<import('./log.mjs').createLog>, signal?: AbortSignal }} options
 * @returns {Promise<{ addon: string, cuda: boolean }>}
 * @throws InstallError with the compiler's first error
 */
export async function buildAddon(options) {
  const { root, buildType = 'Release', log, signal } = options
  const lockFolder = join(root, 'build')
  try {
    await mkdir(lockFolder, { recursive: true })
  } catch (cause) {
    throw new InstallError(
      `No permission to write to ${root}.`,
      'Change its owner, or install as its owner.',
      { cause },
    )
  }
  const onWait = (holder) => log.info(`waiting for ${holder}, which is building in ${root}`)
  return await withLock(lockFolder, () => configureAndCompile({ ...options, buildType }), { signal, onWait })
}

async function configureAndCompile({
  root,
  libtorch,
  tools,
  buildType,
  cuda = 'AUTO',
  env = process.env,
  verbose,
  log,
  signal,
}) {
  const work = join(root, 'build/cmake', buildType)
  const stamp = JSON.stringify(
    {
      root,
      libtorch: libtorch.dir,
      version: libtorch.version,
      buildType,
      cuda,
      compiler: tools.compiler,
      cmake: tools.cmake,
      make: tools.make,
    },
    null,
    2,
  )
  const stampFile = join(work, 'stamp.json')
  if ((await readFile(stampFile, 'utf8').catch(() => '')) !== stamp)
    await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  await writeFile(stampFile, stamp)

  const cmakeJs = findCMakeJs(root)
  const output = []
  const step = async (command, extra = []) => {
    const args = [
      ...[cmakeJs, command, '--directory', root, '--out', work, '--config', buildType],
      ...['--cmake-path', tools.cmake.path, '--cc', tools.compiler.path, '--cxx', tools.compiler.path],
      ...[`--CDLIBTORCH=${libtorch.dir}`, `--CDDENSEHYBRID_CUDA=${cuda}`, ...extra],
    ]
    const onLine = (line) => {
      output.push(line)
      if (verbose) log.plain(line)
      const done = /^\[\s*(\d+)(?:%\]|\/(\d+)\])/.exec(line)
      if (done !== null && !verbose)
        log.progress(`compiling ${done[2] ? `${done[1]} of ${done[2]}` : `${done[1]} %`}`)
    }
    const { code } = await run(process.execPath, args, { cwd: root, env, signal, onLine })
    return code
  }
  try {
    log.progress('configuring')
    if ((await step('configure')) !== 0) {
      await rm(join(work, 'CMakeCache.txt'), { force: true })
      throw buildFailure('configure', output, join(work, 'build.log'))
    }
    if ((await step('build', ['--parallel', String(jobCount(env))])) !== 0) {
      throw buildFailure('compile', output, join(work, 'build.log'))
    }
  } finally {
    await writeFile(join(work, 'build.log'), `${output.join('\n')}\n`).catch(() => {})
  }
  const built = join(work, 'densehybrid.node')
  await tryAddon(built, { env, signal })
  const withCuda = output.some((line) => /^-- CUDA \d/.test(line))
  return {
    addon: await publishAddon(root, built, {
      libtorch,
      buildType,
      cuda: withCuda,
      compiler: tools.compiler.version,
    }),
    cuda: withCuda,
  }
}

/** Loads the addon in a process of its own. */
async function tryAddon(addon, { env, signal }) {
  if (!existsSync(addon))
    throw new InstallError(`The build ended without ${addon}.`, 'Run it with --verbose and report this.')
  const { code, output } = await run(process.execPath, ['-e', 'require(process.argv[1])', addon], {
    env: { ...env, NODE_OPTIONS: '' },
    signal,
    timeout: 120_000,
  })
  if (code === 0) return
  const reason = /^Error: (.*)$/m.exec(output)?.[1] ?? output.trim().split('\n').pop()
  throw new InstallError(
    `The addon was built but cannot be loaded: ${reason || `exit code ${code}`}`,
    'Run `npx densehybrid doctor`.',
  )
}

/** The addon gets its name by a rename: a process that has the old one loaded keeps it. */
async function publishAddon(root, built, facts) {
  const folder = join(root, 'build', facts.buildType)
  await mkdir(folder, { recursive: true })
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const info = { version, ...facts, builtAt: new Date().toISOString() }
  await writeFile(join(folder, 'densehybrid.json'), `${JSON.stringify(info, null, 2)}\n`)
  const target = join(folder, 'densehybrid.node')
  const temporary = `${target}.${process.pid}`
  try {
    await copyFile(built, temporary)
    await rename(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
  return target
}
