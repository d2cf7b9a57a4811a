import { spawn } from 'node:child_process'
import type { NativeInfo } from './native.ts'

/** What came of loading an addon in a process of its own. */
export type ProbeResult =
  | { outcome: 'loaded'; info: NativeInfo }
  | { outcome: 'refused'; reason: string }
  | { outcome: 'crashed'; reason: string }

const SCRIPT = `
const say = (result) => require('node:fs').writeSync(1, '\\n@@' + JSON.stringify(result) + '\\n')
try {
  say({ outcome: 'loaded', info: require(process.argv[1]).info() })
} catch (error) {
  say({ outcome: 'refused', reason: String(error && error.message || error) })
}`

/**
 * Loads an addon in a child process and asks it for `info()`, so that an addon that crashes (wrong processor, mismatched
 * libraries) does not take this process with it.
 *
 * @param addon path of the .node file
 * @param options.timeout milliseconds; default one minute
 */
export async function probeAddon(
  addon: string,
  options: { signal?: AbortSignal; timeout?: number } = {},
): Promise<ProbeResult> {
  const { signal, timeout = 60_000 } = options
  const env = { ...process.env, NODE_OPTIONS: '' }
  const child = spawn(process.execPath, ['-e', SCRIPT, addon], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    signal,
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
  const end = await new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killed) => resolve(killed ?? `exit code ${code}`))
  })
  const answer = /^@@(.*)$/m.exec(output)?.[1]
  if (answer !== undefined) return JSON.parse(answer) as ProbeResult
  const last = errors.trim().split('\n').pop()
  return { outcome: 'crashed', reason: `${explain(end)}${last ? `: ${last}` : ''}` }
}

function explain(end: string): string {
  if (end === 'SIGILL') return 'SIGILL (this processor lacks an instruction that libtorch uses)'
  if (end === 'SIGTERM') return 'no answer in time'
  return end
}
