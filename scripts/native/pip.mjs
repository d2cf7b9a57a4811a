import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OFFICIAL_CPU_INDEX } from './archive.mjs'
import { InstallError, isDiskFull } from './errors.mjs'
import { FETCHED_VERSION } from './libtorch.mjs'
import { megabytes } from './log.mjs'
import { findPython, pipVersion } from './python.mjs'
import { run } from './run.mjs'

/** Headers and libraries are the same in the wheels of all Pythons; this is the one whose checksum is known. */
const WHEEL_TAGS = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311']
const PLATFORMS = { x64: 'manylinux_2_28_x86_64', arm64: 'manylinux_2_28_aarch64' }

/**
 * What to ask pip for, in order. The `+cpu` pin matters: the plain version of public indexes is the CUDA build, which
 * needs 4 GB of NVIDIA packages beside it, and pip takes those only where CUDA is asked for.
 *
 * @param {string} version
 * @param {{ cuda?: boolean, arch?: string, officialIndex?: boolean }} [options]
 * @returns {string[][]} arguments after `pip download`
 */
export function pipAttempts(version, { cuda = false, arch = process.arch, officialIndex = false } = {}) {
  if (cuda) return [[`torch==${version}`]]
  const index = officialIndex ? ['--extra-index-url', OFFICIAL_CPU_INDEX] : []
  const cpu = ['--no-deps', ...index, `torch==${version}+cpu`]
  const platform = PLATFORMS[arch]
  return platform === undefined ? [cpu] : [[...WHEEL_TAGS, '--platform', platform, ...cpu], cpu]
}

/**
 * Downloads the torch wheel (with CUDA also the wheels it depends on) into `folder` with pip. pip's cache stays unused
 * and its temporary files go into `folder` too, so nothing is left elsewhere.
 *
 * @param {string} folder existing and empty
 * @param {{ cuda?: boolean, env?: NodeJS.ProcessEnv, officialIndex?: boolean, log: ReturnType<import('./log.mjs').createLog>, signal?: AbortSignal }} options
 * @returns {Promise<string[]>} the wheels, torch first
 * @throws InstallError without Python, without pip, with no such wheel, or with pip's own reason
 */
export async function pipDownload(
  folder,
  { cuda = false, env = process.env, officialIndex = false, log, signal },
) {
  const python = await findPython(env, signal)
  if (python === undefined) {
    throw new InstallError(
      'libtorch could not be fetched: Python 3 was not found.',
      'Install python3 with pip (Debian: apt install python3-pip), or set LIBTORCH to an unzipped libtorch.',
    )
  }
  if ((await pipVersion(python, env, signal)) === undefined) {
    throw new InstallError(
      `libtorch could not be fetched: ${python.command} (Python ${python.version}) has no pip.`,
      'Install it (Debian: apt install python3-pip; elsewhere: python3 -m ensurepip --user), or set LIBTORCH to an unzipped libtorch.',
    )
  }
  const temporary = join(folder, 'tmp')
  await mkdir(temporary, { recursive: true })
  let failure = ''
  for (const attempt of pipAttempts(FETCHED_VERSION, { cuda, officialIndex })) {
    const { code, output } = await runPip(python, attempt, { folder, temporary, env, log, signal })
    if (code === 0) return wheels(folder)
    failure = output
    if (isDiskFull(output)) throw Object.assign(new Error('pip: no space left on device'), { code: 'ENOSPC' })
    if (!/No matching distribution|Could not find a version|not a supported wheel/i.test(output)) break
  }
  throw new InstallError(
    `libtorch could not be fetched: ${pipReason(failure)}`,
    `Install a torch that Python can import (versions 2.11 to 2.14), or set LIBTORCH to an unzipped libtorch ${FETCHED_VERSION}.`,
  )
}

async function runPip(python, attempt, { folder, temporary, env, log, signal }) {
  let total = ''
  const onLine = (line) => {
    // With CUDA many files come, whose sizes are not known beforehand.
    if (attempt.includes('--no-deps'))
      total = /Downloading torch-\S+ \(([\d.]+ [kMG]B)\)/.exec(line)?.[1] ?? total
  }
  let busy = false
  const timer = setInterval(async () => {
    if (busy) return
    busy = true
    const bytes = await folderSize(folder)
    log.progress(`downloading libtorch with pip: ${megabytes(bytes)}${total === '' ? '' : ` of ${total}`}`)
    busy = false
  }, 500)
  const options = [
    '--only-binary=:all:',
    '--no-cache-dir',
    '--disable-pip-version-check',
    '--no-input',
    '--retries',
    '2',
  ]
  try {
    return await run(
      python.command,
      ['-m', 'pip', 'download', ...options, '--progress-bar', 'off', '--dest', folder, ...attempt],
      { env: { ...env, TMPDIR: temporary, PYTHONDONTWRITEBYTECODE: '1' }, signal, onLine },
    )
  } finally {
    clearInterval(timer)
  }
}

/** Of the packages that torch depends on, only NVIDIA's hold libraries that libtorch needs. */
async function wheels(folder) {
  const files = (await readdir(folder)).filter((name) => /^(torch-|nvidia_).*\.whl$/.test(name))
  const torchFirst = (a, b) =>
    Number(b.startsWith('torch-')) - Number(a.startsWith('torch-')) || a.localeCompare(b)
  return files.sort(torchFirst).map((name) => join(folder, name))
}

/** The line of pip's output that says why. */
function pipReason(output) {
  const lines = output.split('\n').map((line) => line.trim())
  const unreachable = lines.find((line) =>
    /NewConnectionError|Failed to establish|Name or service not known|timed out/i.test(line),
  )
  if (unreachable !== undefined) return 'pip cannot reach its package index (no network?).'
  const error =
    lines.findLast((line) => line.startsWith('ERROR:')) ??
    lines.findLast((line) => line !== '') ??
    'no output'
  return `pip says: ${error.replace(/^ERROR: /, '')}`
}

async function folderSize(folder) {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue
    const info = await stat(join(entry.parentPath ?? entry.path, entry.name)).catch(() => undefined)
    bytes += info?.size ?? 0
  }
  return bytes
}
