import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { throwIfAborted } from '../errors.ts'
import { checkOptionNames, invalid } from '../validate.ts'
import type { Dataset } from './dataset.ts'
import { fileError } from './read-bytes.ts'

/** What a data set was when it was hashed. */
export interface DatasetHash {
  /** SHA-256, 64 hexadecimal digits. */
  readonly hash: string
  /** What the hash covers: every item's files, or, as not all items have files, ids (and recipes) alone. */
  readonly hashOf: 'files' | 'ids'
}

/** Bytes that are read at either end of a file. */
const END = 4096
/** Items that are read at the same time. */
const CONCURRENCY = 16
/** Part of every hash; raised when the way of hashing changes. */
const METHOD = 'densehybrid data set 1'

/**
 * A hash by which one can tell later whether a data set is still the same. It covers, in any order of the items, every
 * item's id and of each of its files the name, the size, and the first and last 4096 bytes: two short reads a file, so
 * that tens of thousands take seconds. Not covered are the bytes between (of files above 8 kB), folders above the data
 * set, times, and what the values in label files mean. Of generated data the ids and the generator's recipe count.
 *
 * A data set of one's own needs `source`, or at least `files`; without both every item is read once, for its id.
 *
 * @throws DenseHybridError `NOT_FOUND` or `IO` naming the file, `ABORTED`
 */
export async function hashDataset(
  dataset: Dataset,
  options: { signal?: AbortSignal } = {},
): Promise<DatasetHash> {
  if (typeof dataset?.item !== 'function') throw invalid('dataset', 'a Dataset', dataset)
  checkOptionNames('hashDataset', options, ['signal'])
  const { length } = dataset
  const lines = new Array<string>(length)
  let hashOf: DatasetHash['hashOf'] = length > 0 ? 'files' : 'ids'
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < length) {
      throwIfAborted(options.signal)
      const index = next++
      const { id, files = [], recipe } = await sourceOf(dataset, index)
      if (files.length === 0) hashOf = 'ids'
      lines[index] = JSON.stringify([id, recipe ?? null, await Promise.all(files.map(describeFile))])
    }
  }
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  } finally {
    next = length // the other workers end, too
  }
  const hash = createHash('sha256').update(METHOD)
  for (const line of lines.sort()) hash.update('\n').update(line)
  return { hash: hash.digest('hex'), hashOf }
}

async function sourceOf(
  dataset: Dataset,
  index: number,
): Promise<{ id: string; files?: readonly string[]; recipe?: string }> {
  const source = dataset.source?.(index)
  if (source !== undefined) return source
  const named = dataset.files?.(index)
  if (named === undefined) return { id: (await dataset.item(index)).id }
  return { id: '', files: named.labels === undefined ? [named.image] : [named.image, named.labels] }
}

/** Name, size, and a hash of the first and last bytes. */
async function describeFile(path: string): Promise<[name: string, size: number, ends: string]> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const { size } = await file.stat()
    const hash = createHash('sha256').update(await readAt(file, 0, Math.min(size, END)))
    const last = Math.max(END, size - END)
    if (size > END) hash.update(await readAt(file, last, size - last))
    return [basename(path), size, hash.digest('hex')]
  } catch (error) {
    throw fileError(path, error)
  } finally {
    await file?.close()
  }
}

/** `length` bytes, or fewer where the file has become shorter meanwhile. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
