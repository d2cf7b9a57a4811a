import { join } from 'node:path'
import { IGNORE_LABEL } from '../dataset.ts'
import { type LabelTable, makeLabelTable } from '../datasets/label-table.ts'
import type { FileEntry } from '../datasets/labelled-files.ts'
import { pairFiles } from '../datasets/pair-files.ts'
import { COCO_NAMES } from './coco-classes.ts'
import { findPackaging } from './packaging.ts'

/** Where the label maps of COCO-Stuff are put; the archive itself holds train2017 and val2017. */
const LABEL_FOLDERS = ['labels', 'annotations', 'stuffthingmaps'] as const

/** What the roots of COCO data sets hold, in one line. */
export const COCO_LAYOUT =
  'images/{train,val}2017/*.jpg, {labels,annotations,stuffthingmaps}/{train,val}2017/*.png'

/** Official numbers of images of COCO 2017. */
export const COCO_SPLITS = { train: { images: 118287 }, val: { images: 5000 } } as const

/** The folder of a split's images or label maps. */
export const cocoFolder = (split: string): string => `${split}2017`

/**
 * The images of COCO 2017 and their label maps in COCO-Stuff (value = id − 1).
 *
 * @param splits `train` and `val`
 * @returns one split after the other, each by name; ids are `train/000000000009`
 * @throws DenseHybridError `NOT_FOUND` for another root or an image without label map; `EMPTY`; `INVALID_FILE`
 */
export async function cocoFiles(
  title: string,
  root: string,
  splits: readonly string[],
  signal: AbortSignal | undefined,
): Promise<FileEntry[]> {
  const packaging = await findPackaging(
    title,
    root,
    LABEL_FOLDERS.map((labels) => {
      const folders = ['images', labels].flatMap((folder) =>
        splits.map((split) => join(folder, cocoFolder(split))),
      )
      return { labels, folders, holds: folders.join(' and ') }
    }),
  )
  const entries: FileEntry[] = []
  for (const split of splits) {
    const pairs = await pairFiles({
      root,
      images: join('images', cocoFolder(split)),
      labels: join(packaging.labels, cocoFolder(split)),
      id: (stem) => `${split}/${stem}`,
      signal,
    })
    // One by one: 118287 arguments do not fit on every stack.
    for (const entry of pairs.values()) entries.push(entry)
  }
  return entries
}

/**
 * What the values in label maps of COCO-Stuff are. 182 … 254 do not occur and are refused; ids that were removed from COCO
 * are ignored.
 *
 * @param known names of the classes, in the order of their labels
 * @param unknown names whose pixels are `unknownLabel`; those of all other names are ignored
 */
export function cocoTable(
  known: readonly string[],
  unknown: readonly string[] = [],
  unknownLabel = IGNORE_LABEL,
): LabelTable {
  const label = new Map([
    ...unknown.map((name) => [name, unknownLabel] as const),
    ...known.map((name, index) => [name, index] as const),
  ])
  const entries = COCO_NAMES.map((name, value) => [value, label.get(name) ?? IGNORE_LABEL] as const)
  return makeLabelTable('the list of COCO-Stuff values', known, entries, 'error')
}
