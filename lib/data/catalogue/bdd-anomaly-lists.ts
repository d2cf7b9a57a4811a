import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import { describe } from '../../validate.ts'
import type { FileEntry } from '../datasets/labelled-files.ts'
import { withoutExtension } from '../datasets/pair-files.ts'
import { readJson } from '../read-bytes.ts'

/** Names that the list of a split has been published under. */
const LIST_NAMES: Readonly<Record<string, readonly string[]>> = {
  train: ['train.odgt'],
  val: ['validation.odgt'],
  test: ['anom.odgt', 'test.odgt'],
}

/** The division that the lists of a folder describe. */
export interface BddLists {
  /**
   * @param entries of all images, with ids `train/…` and `val/…`
   * @throws DenseHybridError NOT_FOUND for a listed image that is not there, with its list
   */
  divide(entries: readonly FileEntry[]): Record<string, FileEntry[]>
}

/**
 * Reads the lists of BDD-Anomaly: JSON lists of `{"fpath_img": "seg/images/train/….jpg", …}`.
 *
 * @returns undefined where there is none of them
 * @throws DenseHybridError NOT_FOUND where some are there and others not; INVALID_FILE for a list of another form, or an
 * image that is listed twice
 */
export async function readBddLists(
  root: string,
  signal: AbortSignal | undefined,
): Promise<BddLists | undefined> {
  const files = new Map<string, string>()
  for (const [split, names] of Object.entries(LIST_NAMES)) {
    for (const name of names) {
      const path = join(root, name)
      const isThere = (await stat(path).catch(() => null)) !== null
      if (isThere && !files.has(split)) files.set(split, path)
    }
  }
  if (files.size === 0) return undefined
  const missing = Object.keys(LIST_NAMES).find((split) => !files.has(split))
  if (missing !== undefined) {
    throw new DenseHybridError(
      'NOT_FOUND',
      `${[...files.values()].join(' and ')} list images, but ${join(root, LIST_NAMES[missing].join(' or '))} is missing.`,
      { hint: 'Add the missing list, or move the others away: without lists the labels tell the splits.' },
    )
  }
  const listed = new Map<string, { split: string; file: string }>()
  for (const [split, file] of files) {
    for (const id of await readList(file, signal)) {
      const before = listed.get(id)
      if (before !== undefined) {
        const also = before.file === file ? ' twice' : `, which ${before.file} lists, too`
        throw new DenseHybridError('INVALID_FILE', `${file} lists ${id}${also}.`)
      }
      listed.set(id, { split, file })
    }
  }
  return { divide: (entries) => divideListed(entries, listed) }
}

/** The ids `train/…` or `val/…` of the images in a list. */
async function readList(file: string, signal: AbortSignal | undefined): Promise<string[]> {
  const list = await readJson(file, { signal })
  if (!Array.isArray(list) || list.length === 0) throw notAList(file, list)
  return list.map((item: unknown) => {
    const path = typeof item === 'object' && item !== null && 'fpath_img' in item ? item.fpath_img : item
    const id = typeof path === 'string' ? /(?:^|\/)images\/((?:train|val)\/.+)$/.exec(path)?.[1] : undefined
    if (id === undefined) throw notAList(file, path)
    return withoutExtension(id)
  })
}

function notAList(file: string, received: unknown): DenseHybridError {
  return new DenseHybridError(
    'INVALID_FILE',
    `${file} is not a list of images: expected [{"fpath_img": "seg/images/train/NAME.jpg"}, …] but found ${describe(received)}.`,
  )
}

function divideListed(
  entries: readonly FileEntry[],
  listed: ReadonlyMap<string, { split: string; file: string }>,
): Record<string, FileEntry[]> {
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  const bySplit: Record<string, FileEntry[]> = { train: [], val: [], test: [] }
  for (const [id, { split, file }] of listed) {
    const entry = byId.get(id)
    if (entry === undefined) {
      throw new DenseHybridError('NOT_FOUND', `${file} lists the image ${id}, which is not in seg/images.`)
    }
    bySplit[split].push(entry)
  }
  return bySplit
}
