import { join } from 'node:path'
import { type Colour, classColours } from '../../palette.ts'
import { checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import type { Dataset } from '../dataset.ts'
import { type FileEntry, labelledFiles } from './labelled-files.ts'
import { checkFolder } from './list-files.ts'
import { readMapping } from './mapping.ts'
import { pairFiles } from './pair-files.ts'

/** The splits of CamVid. */
export type CamvidSplit = 'train' | 'val' | 'test'

const SPLITS: readonly CamvidSplit[] = ['train', 'val', 'test']

/** The colours of CamVid's own label images. */
const COLOURS: Readonly<Record<string, Colour>> = {
  Sky: [128, 128, 128],
  Building: [128, 0, 0],
  Pole: [192, 192, 128],
  Road: [128, 64, 128],
  Pavement: [0, 0, 192],
  Tree: [128, 128, 0],
  SignSymbol: [192, 128, 128],
  Fence: [64, 64, 128],
  Car: [64, 0, 128],
  Pedestrian: [64, 64, 0],
  Bicyclist: [0, 128, 192],
}

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
 * `<split>/<name>`. The palette is CamVid's unless `classes.json` gives colours; classes of other names get distinct ones.
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
  const { classes } = labelTable
  const own = classes.map((name) => (Object.hasOwn(COLOURS, name) ? COLOURS[name] : undefined))
  const palette = labelTable.palette ?? classColours(classes, own)
  return labelledFiles(options.name ?? `camvid (${splits.join(', ')})`, entries, { ...labelTable, palette })
}

function checkSplits(split: CamvidOptions['split']): readonly CamvidSplit[] {
  const splits = [split].flat() as CamvidSplit[]
  if (splits.length === 0) throw invalid('options.split', `at least one of ${SPLITS.join(', ')}`, split)
  for (const one of splits) checkOneOf('options.split', one, SPLITS)
  if (new Set(splits).size < splits.length) throw invalid('options.split', 'every split once', split)
  return splits
}
