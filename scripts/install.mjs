// Finds or fetches libtorch and builds the native addon. npm runs it as the `install` script, `densehybrid build` runs it
// by hand, and binding.gyp runs it for node-gyp.
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArguments, USAGE } from './native/arguments.mjs'
import { buildAddon } from './native/build.mjs'
import { cacheRoot } from './native/cache.mjs'
import { InstallError, interruptedError } from './native/errors.mjs'
import { fetchLibtorch } from './native/fetch.mjs'
import { FETCHED_VERSION } from './native/libtorch.mjs'
import { locateLibtorch } from './native/locate.mjs'
import { createLog } from './native/log.mjs'
import { requirePlatform, requireToolchain } from './native/toolchain.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const log = createLog()
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => interrupt.abort())

async function main() {
  const options = parseArguments(process.argv.slice(2))
  if (options.help) {
    console.log(USAGE)
    return
  }
  const { env } = process
  if (env.DENSEHYBRID_SKIP_BUILD === '1') {
    log.info('DENSEHYBRID_SKIP_BUILD=1: the native addon is not built. To build it: npx densehybrid build')
    return
  }
  const started = Date.now()
  const { signal } = interrupt
  requirePlatform()
  const tools = await requireToolchain({ env, cuda: options.cuda, signal })
  const libtorch = await findOrFetch(options, tools, env, signal)
  log.info(
    `libtorch ${libtorch.version} ${libtorch.cuda ? 'CUDA' : 'CPU'} at ${libtorch.dir} (found: ${libtorch.source})`,
  )
  const { addon, cuda } = await buildAddon({
    root,
    libtorch,
    tools,
    buildType: options.debug ? 'Debug' : 'Release',
    cuda: options.cuda ? 'ON' : 'AUTO',
    env,
    verbose: options.verbose,
    log,
    signal,
  })
  log.close()
  const seconds = Math.round((Date.now() - started) / 1000)
  console.log(
    `densehybrid: built ${relative(root, addon)} (libtorch ${libtorch.version} ${cuda ? 'CUDA' : 'CPU'}) in ${seconds} s`,
  )
}

async function findOrFetch({ libtorch: given, cuda }, tools, env, signal) {
  const explicit = given === undefined ? undefined : resolve(given)
  const cache = cacheRoot(env)
  const { found, notes } = await locateLibtorch({ explicit, cuda, root: cache, env, signal })
  for (const note of notes) log.info(note)
  if (found !== undefined) return found
  if (env.DENSEHYBRID_SKIP_DOWNLOAD === '1') {
    throw new InstallError(
      `No ${cuda ? 'CUDA ' : ''}libtorch was found, and DENSEHYBRID_SKIP_DOWNLOAD=1 forbids fetching one.`,
      `Set LIBTORCH to an unzipped libtorch, install one for Python (python3 -m pip install torch==${FETCHED_VERSION}), or unset DENSEHYBRID_SKIP_DOWNLOAD.`,
    )
  }
  const cudaMajor = tools.nvcc === undefined ? undefined : Number.parseInt(tools.nvcc.version, 10)
  return { ...(await fetchLibtorch({ root: cache, cuda, cudaMajor, env, log, signal })), source: 'fetched' }
}

try {
  await main()
} catch (caught) {
  const error = interrupt.signal.aborted ? interruptedError() : caught
  log.close()
  if (error instanceof InstallError) {
    if (error.details) log.plain(error.details)
    log.info(error.message)
    if (error.hint) log.plain(`  ${error.hint}`)
  } else {
    log.info(`unexpected failure: ${error?.stack ?? error}`)
  }
  if (process.env.npm_lifecycle_event === 'install' && error.exitCode !== 130) {
    log.plain(
      '  To install without the native addon, and build it later: DENSEHYBRID_SKIP_BUILD=1 npm install',
    )
  }
  process.exitCode = error.exitCode ?? 1
}
