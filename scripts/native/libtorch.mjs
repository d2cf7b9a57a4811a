import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InstallError } from './errors.mjs'

/** First and last release of libtorch that the native code is known to build with. */
export const SUPPORTED = { oldest: '2.11', newest: '2.14' }

/** What is fetched where no libtorch is found. */
export const FETCHED_VERSION = '2.13.0'

/** `2.13.0+cpu` → numbers and local part; undefined for what is no version. */
export function parseVersion(text) {
  const match = /^\s*v?(\d+)\.(\d+)(?:\.(\d+))?(?:[a-z.\d]*)(?:\+([\w.]+))?\s*$/i.exec(text ?? '')
  if (match === null) return undefined
  const [, major, minor, patch = '0', local] = match
  return { major: Number(major), minor: Number(minor), patch: Number(patch), local }
}

/** Negative, zero or positive as `a` is older than, the same as or newer than `b` (local parts ignored). */
export function compareVersions(a, b) {
  const [x, y] = [parseVersion(a), parseVersion(b)]
  return x.major - y.major || x.minor - y.minor || x.patch - y.patch
}

/** Is this release of libtorch within the supported range? */
export function isSupported(version) {
  const parsed = parseVersion(version)
  if (parsed === undefined) return false
  const release = `${parsed.major}.${parsed.minor}`
  return compareVersions(release, SUPPORTED.oldest) >= 0 && compareVersions(release, SUPPORTED.newest) <= 0
}

/** The version of the libtorch in `dir` (include/ and lib/), from its headers; undefined where none says it. */
export function readVersion(dir) {
  for (const header of ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h']) {
    const text = readText(join(dir, 'include', header))
    const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
      (part) => new RegExp(`#define\\s+TORCH_VERSION_${part}\\s+(\\d+)`).exec(text)?.[1],
    )
    if (numbers.every((number) => number !== undefined)) return numbers.join('.')
  }
  const quoted = /__version__\s*=\s*'([^']+)'/.exec(readText(join(dir, 'version.py')))?.[1]
  const parsed = parseVersion(quoted ?? readText(join(dir, 'build-version')))
  return parsed === undefined ? undefined : `${parsed.major}.${parsed.minor}.${parsed.patch}`
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/**
 * Looks at a folder that should hold a libtorch.
 *
 * @param {string} dir
 * @returns {{ dir: string, version: string, cuda: boolean }} the real path, the version, and whether it is a CUDA build
 * @throws InstallError naming the folder and what is missing, or the version and the supported range
 */
export function inspectLibtorch(dir, name = dir) {
  if (!existsSync(dir)) throw new InstallError(`${name} does not exist.`, expectedLayout)
  for (const needed of ['include/ATen/core/Tensor.h', 'lib/libtorch_cpu.so', 'lib/libc10.so']) {
    if (existsSync(join(dir, needed))) continue
    const inner = ['torch', 'libtorch'].find((folder) => existsSync(join(dir, folder, needed)))
    throw new InstallError(
      `${name} is not a libtorch: it has no ${needed}.`,
      inner === undefined ? expectedLayout : `Did you mean ${join(dir, inner)}?`,
    )
  }
  const version = readVersion(dir)
  if (!isSupported(version)) {
    throw new InstallError(
      `${name} is libtorch ${version ?? 'of an unknown version'}; supported are ${SUPPORTED.oldest} to ${SUPPORTED.newest}.`,
      `Install a supported one (python3 -m pip install torch==${FETCHED_VERSION}), or unset LIBTORCH to have ${FETCHED_VERSION} fetched.`,
    )
  }
  const real = realpathSync(dir)
  const cuda = existsSync(join(real, 'lib/libtorch_cuda.so'))
  if (cuda && !hasCudaRuntime(real)) {
    throw new InstallError(
      `${name} is a CUDA build of libtorch, and the NVIDIA libraries it needs are not in ${join(dirname(real), 'nvidia')}.`,
      'Keep torch/ and nvidia/ side by side as pip installs them, or use a CPU build of libtorch.',
    )
  }
  return { dir: real, version, cuda }
}

const expectedLayout =
  'It must be the folder that holds include/ and lib/: an unzipped libtorch archive, or the torch folder of a Python installation.'

/** The archive carries libcudart in lib/, wheels have it in a package beside torch/. */
function hasCudaRuntime(dir) {
  const siblings = join(dirname(dir), 'nvidia')
  const folders = [join(dir, 'lib')]
  if (existsSync(siblings)) folders.push(...readdirSync(siblings).map((name) => join(siblings, name, 'lib')))
  return folders.some(
    (folder) => existsSync(folder) && readdirSync(folder).some((file) => file.startsWith('libcudart')),
  )
}
