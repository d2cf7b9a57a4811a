import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { InstallError, isDiskFull } from './errors.mjs'
import { findPython } from './python.mjs'
import { run, which } from './run.mjs'

/** What is taken out of a wheel of torch, of a wheel of NVIDIA's, and of the libtorch archive. */
const WANTED = [
  'torch/include/',
  'torch/lib/',
  'torch/version.py',
  'torch.libs/',
  'nvidia/',
  'libtorch/include/',
  'libtorch/lib/',
  'libtorch/build-version',
]

const SCRIPT = `
import sys, zipfile
wanted = tuple(sys.argv[3:])
with zipfile.ZipFile(sys.argv[1]) as z:
    for info in z.infolist():
        if info.filename.startswith(wanted):
            z.extract(info, sys.argv[2])
`

/**
 * Unpacks headers and libraries of `file` (wheel or archive) into `target`; a top folder libtorch/ becomes torch/. Python
 * does it, or `unzip` where there is no Python.
 *
 * @throws InstallError for a damaged file or a missing program; the system's ENOSPC for a full disk
 */
export async function unpack(file, target, { env = process.env, signal } = {}) {
  const python = await findPython(env, signal)
  const unzip = which('unzip', env)
  if (python === undefined && unzip === undefined) {
    throw new InstallError(
      `${basename(file)} could not be unpacked: neither python3 nor unzip was found.`,
      'Install one of them (Debian: apt install unzip), or set LIBTORCH to an unzipped libtorch.',
    )
  }
  const { code, output } =
    python === undefined
      ? await run(
          unzip,
          ['-q', '-o', file, ...WANTED.map((name) => (name.endsWith('/') ? `${name}*` : name)), '-d', target],
          { env, signal },
        )
      : await run(python.command, ['-c', SCRIPT, file, target, ...WANTED], { env, signal })
  // unzip exits with 11 where one of the names is not in the file, which is always so.
  if (code !== 0 && !(python === undefined && code === 11)) {
    if (isDiskFull(output)) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const line = output.trim().split('\n').pop()
    throw new InstallError(
      `${basename(file)} could not be unpacked: ${line}`,
      'The download is damaged; run the command again.',
    )
  }
  if (existsSync(join(target, 'libtorch'))) await rename(join(target, 'libtorch'), join(target, 'torch'))
}
