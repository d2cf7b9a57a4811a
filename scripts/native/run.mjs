import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { interruptedError } from './errors.mjs'

/**
 * Runs a program to its end and collects what it prints. A non-zero exit is a result, not an error.
 *
 * The program gets a process group of its own, so that an abort also ends what it started (compilers below ninja below
 * cmake below cmake-js).
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, signal?: AbortSignal, timeout?: number, input?: string, onLine?: (line: string) => void }} [options]
 * @returns {Promise<{ code: number, output: string, missing: boolean, timedOut: boolean }>} `output` is stdout and stderr as they came
 * @throws InstallError with exit code 130 when the signal fires
 */
export async function run(command, args, options = {}) {
  const { env = process.env, cwd, signal, timeout, input, onLine } = options
  if (signal?.aborted) throw interruptedError()
  const child = spawn(command, args, { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  const state = { output: '', partial: '', missing: false, timedOut: false }
  const take = (chunk) => {
    state.output += chunk
    if (onLine === undefined) return
    const lines = (state.partial + chunk).split(/\r?\n|\r/)
    state.partial = lines.pop()
    for (const line of lines) onLine(line)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')

  let killTimer
  const stop = () => {
    killGroup(child.pid, 'SIGTERM')
    killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), 5000)
  }
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          state.timedOut = true
          stop()
        }, timeout)
  signal?.addEventListener('abort', stop, { once: true })
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      state.missing = error.code === 'ENOENT' || error.code === 'EACCES'
      state.output += error.message
      resolve(127)
    })
    child.on('close', (exitCode, exitSignal) => resolve(exitCode ?? (exitSignal === 'SIGINT' ? 130 : 128)))
  })
  clearTimeout(timer)
  clearTimeout(killTimer)
  signal?.removeEventListener('abort', stop)
  if (signal?.aborted) throw interruptedError()
  if (state.partial !== '') onLine?.(state.partial)
  return { code, output: state.output, missing: state.missing, timedOut: state.timedOut }
}

function killGroup(pid, signal) {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // it has ended already
  }
}

/** The full path of a program on the PATH of `env`, or undefined. A name with a slash is taken as a path. */
export function which(name, env = process.env) {
  const candidates = name.includes('/')
    ? [name]
    : (env.PATH ?? '')
        .split(delimiter)
        .filter((folder) => folder !== '')
        .map((folder) => join(folder, name))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
}
