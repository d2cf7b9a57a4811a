import { DenseHybridError } from '../errors.ts'
import { nearest } from '../validate.ts'
import type { Dataset } from './dataset.ts'
import { readBytes } from './read-bytes.ts'
import { subset } from './subset.ts'

/**
 * The items of a data set whose ids stand in a text file, one a line, in the order of the file; empty lines and what
 * follows # are left out. `data check --json` and messages name ids.
 *
 * @throws DenseHybridError `NOT_FOUND` for an id that the data set does not have, `INVALID_FILE` for one listed twice, both
 * with the line; `EMPTY` for a file without ids
 */
export async function listedItems(
  dataset: Dataset,
  listFile: string,
  options: { signal?: AbortSignal } = {},
): Promise<Dataset> {
  const indexOf = new Map<string, number>()
  for (let index = 0; index < dataset.length; index++) indexOf.set(await idOf(dataset, index), index)
  const lineOf = new Map<number, number>()
  const text = (await readBytes(listFile, options)).toString('utf8').replace(/^\uFEFF/, '')
  for (const [at, line] of text.split('\n').entries()) {
    const id = line.replace(/(^|\s)#.*/, '').trim()
    if (id === '') continue
    const where = `${listFile}, line ${at + 1}`
    const index = indexOf.get(id)
    if (index === undefined) {
      const near = nearest(id, [...indexOf.keys()].slice(0, 10_000))
      const [first] = indexOf.keys()
      throw new DenseHybridError(
        'NOT_FOUND',
        `${where}: ${dataset.name} has no item ${JSON.stringify(id)}.`,
        {
          hint: near === undefined ? `Its ids look like ${JSON.stringify(first)}.` : `Did you mean ${near}?`,
        },
      )
    }
    const before = lineOf.get(index)
    if (before !== undefined)
      throw new DenseHybridError(
        'INVALID_FILE',
        `${where}: ${JSON.stringify(id)} is already in line ${before}.`,
      )
    lineOf.set(index, at + 1)
  }
  if (lineOf.size === 0) throw new DenseHybridError('EMPTY', `${listFile} names no item.`)
  return subset(dataset, [...lineOf.keys()])
}

async function idOf(dataset: Dataset, index: number): Promise<string> {
  return dataset.source?.(index).id ?? (await dataset.item(index)).id
}
