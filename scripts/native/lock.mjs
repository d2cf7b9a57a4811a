import { randomUUID } from 'node:crypto'
import { readFile, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileSystemError, interruptedError } from './errors.mjs'

const HEARTBEAT = 5_000
const STALE_AFTER = 60_000

/**
 * Runs `work` while holding the lock of the cache, so that two installs at the same time do not both download. A lock
 * whose process is gone is taken over.
 *
 * Two processes that take over the same stale lock at the same instant may both get in. One of them may then fail, but
 * the cache stays sound, because it only changes by renaming a finished folder.
 *
 * @template T
 * @param {string} root the cache, existing
 * @param {() => Promise<T>} work
 * @param {{ signal?: AbortSignal, onWait?: (holder: string) => void, poll?: number }} [options] `poll` in milliseconds
 * @returns {Promise<T>}
 */
export async function withLock(root, work, { signal, onWait, poll = 500 } = {}) {
  const path = join(root, 'lock')
  const own = JSON.stringify({ pid: process.pid, host: hostname(), token: randomUUID() })
  let announced = false
  while (!(await take(path, own))) {
    if (await isStale(path)) {
      await unlink(path).catch(() => {})
      continue
    }
    if (!announced) onWait?.(await holder(path))
    announced = true
    await sleep(poll, undefined, { signal }).catch(() => {})
    if (signal?.aborted) throw interruptedError()
  }
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, HEARTBEAT)
  heartbeat.unref()
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    const current = await readFile(path, 'utf8').catch(() => '')
    if (current === own) await unlink(path).catch(() => {})
  }
}

async function take(path, own) {
  try {
    await writeFile(path, own, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw fileSystemError(path, error)
  }
}

/** On this host a lock is stale when its process is gone; on another host, when it was not touched for a minute. */
async function isStale(path) {
  const [text, info] = await Promise.all([
    readFile(path, 'utf8').catch(() => undefined),
    stat(path).catch(() => undefined),
  ])
  if (text === undefined || info === undefined) return false
  const old = Date.now() - info.mtimeMs > STALE_AFTER
  let lock
  try {
    lock = JSON.parse(text)
  } catch {
    return old
  }
  if (lock.host !== hostname()) return old
  try {
    process.kill(lock.pid, 0)
    return old
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

async function holder(path) {
  try {
    return `process ${JSON.parse(await readFile(path, 'utf8')).pid}`
  } catch {
    return 'another process'
  }
}
