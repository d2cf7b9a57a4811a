import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { abortedError, DenseHybridError, throwIfAborted } from '../errors.ts'
import { checkOptionNames } from '../validate.ts'
import { packageRoot } from './load.ts'

/** Options of {@link buildNative}. */
export interface BuildOptions {
  /** Build for NVIDIA GPUs: needs nvcc and a CUDA libtorch. Default: when both are there. */
  cuda?: boolean
  /** Folder with libtorch's include/ and lib/. Default: found, else fetched. */
  libtorch?: string
  /** With assertions and debug information. */
  debug?: boolean
  /** Show all output of CMake and the compiler. */
  verbose?: boolean
  signal?: AbortSignal
}

/**
 * Builds the native addon by running `scripts/install.mjs`; its output goes to this process's stdout and stderr. Works in
 * the repository and in `node_modules/densehybrid`. An addon that is loaded already stays loaded until the process ends.
 *
 * @throws DenseHybridError `NATIVE_MISSING` when the build failed (the reason is in the output), `ABORTED`
 */
export async function buildNative(options: BuildOptions = {}): Promise<void> {
  checkOptionNames('buildNative', options, ['cuda', 'libtorch', 'debug', 'verbose', 'signal'])
  await runInstaller(packageRoot, options)
}

/** {@link buildNative} for the package in folder `root`. */
export async function runInstaller(root: string, options: BuildOptions): Promise<void> {
  const { cuda, libtorch, debug, verbose, signal } = options
  throwIfAborted(signal)
  const script = join(root, 'scripts/install.mjs')
  if (!existsSync(script)) {
    throw new DenseHybridError('NOT_FOUND', `${script} does not exist.`, {
      hint: 'The package is incomplete: install it again.',
    })
  }
  const args = [
    ...(cuda ? ['--cuda'] : []),
    ...(libtorch === undefined ? [] : ['--libtorch', resolve(libtorch)]),
    ...(debug ? ['--debug'] : []),
    ...(verbose ? ['--verbose'] : []),
  ]
  // Whoever asks for a build wants it, whatever was set for `npm install`.
  const { DENSEHYBRID_SKIP_BUILD: _, ...env } = process.env
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const stop = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const code = await new Promise<number | null>((done, failed) => {
      child.on('error', failed)
      child.on('close', done)
    })
    if (code === 130 || signal?.aborted) throw abortedError(signal)
    if (code !== 0) {
      throw new DenseHybridError(
        'NATIVE_MISSING',
        'The native addon was not built; the reason is printed above.',
        {
          hint: '`npx densehybrid doctor` shows what the build needs.',
        },
      )
    }
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
