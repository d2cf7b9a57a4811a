import { join } from 'node:path'
import { checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import type { Dataset } from '../dataset.ts'
import { type FileEntry, labelledFiles } from './labelled-files.ts'
import { checkFolder } from './list-files.ts'
import { readMapping } from './mapping.ts'
import { pairFiles } from './pair-files.ts'

/** The splits of CamVid. */
export type CamvidSplit = 'train' | 'val' | 'test'

const SPLITS: readonly CamvidSplit[] = ['train', 'val', 'test']

/** Options of `datasets.camvid`. */
export interface CamvidOptions {
  /** Holds `<split>/images`, `<split>/labels` and `classes.json`, a mapping. */
  root: string
  /** One split, or several in the order of the list. */
  split: CamvidSplit | readonly CamvidSplit[]
  /** For messages, default e.g. "camvid (train, val)". */
  name?: string
  signal?: AbortSignal
}

/**
 * CamVid in the layout of the 11-class version: `root/<split>/{images,labels}` and `root/classes.json`. A sample's id is
 * `<split>/<name>`.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT`; `NOT_FOUND` naming the missing folder or label map; `INVALID_FILE`;
 * `EMPTY`
 */
export async function camvid(options: CamvidOptions): Promise<Dataset> {
  checkOptionNames('datasets.camvid', options, ['root', 'split', 'name', 'signal'])
  const { root, signal } = options
  if (typeof root !== 'string' || root === '') throw invalid('options.root', 'the path of a folder', root)
  const splits = checkSplits(options.split)
  await checkFolder(root)
  const labelTable = await readMapping(join(root, 'classes.json'), { signal })
  const entries: FileEntry[] = []
  for (const split of splits) {
    const pairs = await pairFiles({
      root,
      images: join(split, 'images'),
      labels: join(split, 'labels'),
      id: (stem) => `${split}/${stem}`,
      signal,
    })
    entries.push(...pairs.values())
  }
  return labelledFiles(options.name ?? `camvid (${splits.join(', ')})`, entries, labelTable)
}

function checkSplits(split: CamvidOptions['split']): readonly CamvidSplit[] {
  const splits = [split].flat() as CamvidSplit[]
  if (splits.length === 0) throw invalid('options.split', `at least one of ${SPLITS.join(', ')}`, split)
  for (const one of splits) checkOneOf('options.split', one, SPLITS)
  if (new Set(splits).size < splits.length) throw invalid('options.split', 'every split once', split)
  return splits
}
