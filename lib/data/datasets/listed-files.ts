import { DenseHybridError } from '../../errors.ts'
import { nearest } from '../../validate.ts'
import { readBytes } from '../read-bytes.ts'
import type { FileEntry } from './labelled-files.ts'
import { type Pairs, withoutExtension } from './pair-files.ts'

/**
 * The entries that a list file names, in its order. A line holds an image's path relative to the folder of images or to
 * the root, with or without extension; empty lines and what follows # are left out.
 *
 * @throws DenseHybridError `NOT_FOUND` for a name without image, `INVALID_FILE` for one listed twice, both with the line;
 * `EMPTY` for a list without names
 */
export async function listedFiles(
  listFile: string,
  pairs: Pairs,
  options: { signal?: AbortSignal } = {},
): Promise<FileEntry[]> {
  const byName = new Map<string, FileEntry>()
  for (const entry of pairs.values()) byName.set(entry.id, entry)
  for (const [stem, entry] of pairs) byName.set(stem, entry)
  const lineOf = new Map<FileEntry, number>()
  const text = (await readBytes(listFile, options)).toString('utf8').replace(/^\uFEFF/, '')
  for (const [index, line] of text.split('\n').entries()) {
    const name = withoutExtension(line.replace(/(^|\s)#.*/, '').trim()).replace(/^\.\//, '')
    if (name === '') continue
    const entry = byName.get(name)
    const where = `${listFile}, line ${index + 1}`
    if (entry === undefined) {
      const near = nearest(name, [...pairs.keys()])
      throw new DenseHybridError('NOT_FOUND', `${where}: there is no image ${JSON.stringify(name)}.`, {
        hint:
          near === undefined
            ? 'A list names images as they lie below the folder of images.'
            : `Did you mean ${near}?`,
      })
    }
    const before = lineOf.get(entry)
    if (before !== undefined) {
      throw new DenseHybridError(
        'INVALID_FILE',
        `${where}: ${JSON.stringify(name)} is already in line ${before}.`,
      )
    }
    lineOf.set(entry, index + 1)
  }
  if (lineOf.size === 0) throw new DenseHybridError('EMPTY', `${listFile} names no image.`)
  return [...lineOf.keys()]
}
