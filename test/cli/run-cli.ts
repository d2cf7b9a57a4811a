import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const MAIN = join(import.meta.dirname, '../../lib/cli/main.ts')

/** By its address, so that commands may run in any folder. */
const TSX = pathToFileURL(
  join(dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist/loader.mjs'),
)

/** What a command left behind. */
export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
}

/** Options of {@link runCli}. */
export interface CliOptions {
  cwd?: string
  env?: Record<string, string>
  stdin?: string
  /** Called once with the running process, e.g. to interrupt it. */
  onStart?: (child: ChildProcess) => void
}

/** Runs the command line from its TypeScript source. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { NO_COLOR: _n, FORCE_COLOR: _f, DEBUG: _d, ...env } = process.env
  const child = spawn(process.execPath, ['--import', TSX.href, MAIN, ...args], {
    cwd: options.cwd,
    env: { ...env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const result: CliResult = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    result.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    result.stderr += text
  })
  child.stdin.end(options.stdin ?? '')
  options.onStart?.(child)
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      result.code = code
      resolve()
    })
  })
  return result
}
