import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { arch, cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../binding/load.ts'
import { info } from '../runtime.ts'

/** What a figure was measured on. */
export interface Machine {
  cpu: string
  cores: number
  /** Only for work on a GPU. */
  gpu?: string
  os: string
  node: string
  libtorch: string
}

/** This machine, and the GPU where `device` is one. Throws NATIVE_MISSING. */
export function describeMachine(device = 'cpu'): Machine {
  const { libtorch, devices } = info()
  const gpu = device === 'cpu' ? undefined : devices.find(({ type }) => type === 'cuda')?.name
  return {
    cpu: cpus()[0]?.model.trim() ?? arch(),
    cores: cpus().length,
    ...(gpu !== undefined && { gpu }),
    os: `${type()} ${release()} ${arch()}`,
    node: process.versions.node,
    libtorch,
  }
}

/** The version of this package, and in a checkout its commit: 0.1.0+3f2a91c0d4e5, then -dirty where files changed. */
export function describeCommit(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  if (!existsSync(join(packageRoot, '.git'))) return version
  try {
    const commit = execFileSync(
      'git',
      ['--no-optional-locks', 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'],
      { cwd: packageRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    )
    return `${version}+${commit.trim()}`
  } catch {
    return version // git is not installed, or there is no commit yet
  }
}
