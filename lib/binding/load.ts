import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DenseHybridError } from '../errors.ts'
import type { NativeAddon } from './native.ts'

/** Folder of this package: of the repository, or of `node_modules/densehybrid`. */
export const packageRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const BUILD_HINT = 'Build it with `npx densehybrid build`.'

/** What an addon was built from; written beside it by the build. */
export interface BuildInfo {
  /** Version of this package. */
  version: string
  libtorch: { dir: string; version: string; cuda: boolean; source: string }
  buildType: string
  cuda: boolean
  compiler: string
  builtAt: string
}

let loaded: NativeAddon | undefined

/**
 * The native addon of this package, loaded at the first call.
 *
 * @throws DenseHybridError `NATIVE_MISSING` when it is not built ("native addon not built") or does not load; the
 * message then says what the system objects to, and the hint names the likely cause and the way out.
 */
export function loadNative(): NativeAddon {
  loaded ??= loadAddon(packageRoot)
  return loaded
}

/** Loads the addon below `root`, uncached. See {@link loadNative}. */
export function loadAddon(root: string): NativeAddon {
  const addon = findAddon(root)
  if (addon === undefined) throw notBuilt(root)
  try {
    // OpenMP reads this when the addon brings it in. Threads that wait by spinning make everything many times slower
    // when other processes want the cores too.
    process.env.OMP_WAIT_POLICY ??= 'passive'
    return createRequire(import.meta.url)(addon) as NativeAddon
  } catch (error) {
    throw explainLoadFailure(addon, error instanceof Error ? error.message : String(error), error)
  }
}

/** Path of the addon built last below `root` (Release or Debug), or undefined when there is none. */
export function findAddon(root: string): string | undefined {
  const candidates = ['Release', 'Debug']
    .map((type) => join(root, 'build', type, 'densehybrid.node'))
    .filter((path) => existsSync(path))
  return candidates.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]
}

/** What the addon at this path was built from; undefined when it was built by other means than ours. */
export function readBuildInfo(addon: string): BuildInfo | undefined {
  try {
    return JSON.parse(readFileSync(join(dirname(addon), 'densehybrid.json'), 'utf8')) as BuildInfo
  } catch {
    return undefined
  }
}

/** The error of an addon that was never built. */
export function notBuilt(root: string): DenseHybridError {
  return new DenseHybridError(
    'NATIVE_MISSING',
    `native addon not built: there is no ${join(root, 'build/Release/densehybrid.node')}.`,
    { hint: `${BUILD_HINT} (npm may have skipped the package's install script.)` },
  )
}

/**
 * The error of an addon that exists but does not load.
 *
 * @param addon path of the .node file
 * @param reason what the dynamic linker or Node said
 */
export function explainLoadFailure(addon: string, reason: string, cause?: unknown): DenseHybridError {
  const text = reason.split('\n')[0]
  return new DenseHybridError('NATIVE_MISSING', `native addon cannot be loaded: ${text}`, {
    hint: likelyCause(addon, text),
    cause,
  })
}

function likelyCause(addon: string, reason: string): string {
  const info = readBuildInfo(addon)
  const missing = /(lib[^\s:/]+\.so[^\s:]*): cannot open shared object file/.exec(reason)?.[1]
  if (missing !== undefined && info !== undefined && !existsSync(join(info.libtorch.dir, 'lib'))) {
    return `The libtorch it was built with is gone: ${info.libtorch.dir}. ${BUILD_HINT}`
  }
  if (missing !== undefined && /cud|nccl|nv|cufft|cufile|cupti/i.test(missing)) {
    return `${missing} is a library of CUDA: keep the nvidia folder beside torch. To use the CPU, build with a CPU libtorch.`
  }
  if (missing !== undefined) {
    const where = info === undefined ? 'its libtorch' : info.libtorch.dir
    return `${missing} was not found; it should come from ${where}. ${BUILD_HINT}`
  }
  if (/GLIBC(XX)?_[\d.]+' not found/.test(reason)) {
    return `It was built on a system with newer C and C++ libraries, or another libstdc++ is found first (LD_LIBRARY_PATH). ${BUILD_HINT}`
  }
  if (/undefined symbol/.test(reason)) {
    return `libtorch was replaced by another version since the build${info === undefined ? '' : ` (it was ${info.libtorch.version})`}. ${BUILD_HINT}`
  }
  if (/file too short|invalid ELF header|wrong ELF class|cannot open shared object file/i.test(reason)) {
    return `The file is damaged or made for another kind of machine. ${BUILD_HINT}`
  }
  if (/static TLS/.test(reason)) {
    return 'Load densehybrid before other native packages: the space for thread-local data is used up.'
  }
  return `See \`npx densehybrid doctor\`. ${BUILD_HINT}`
}
