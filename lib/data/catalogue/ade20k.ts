import { join } from 'node:path'
import { IGNORE_LABEL } from '../dataset.ts'
import { type LabelTable, makeLabelTable } from '../datasets/label-table.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { pairFiles } from '../datasets/pair-files.ts'
import { ADE20K_CLASSES } from './ade20k-classes.ts'
import type { CatalogueEntry } from './entry.ts'
import { checkLayout } from './layout.ts'

/** Folder of each split. */
const FOLDERS: Readonly<Record<string, string>> = { train: 'training', val: 'validation' }

/**
 * Zhou et al., "Scene Parsing through ADE20K Dataset" (CVPR 2017), in the 150 classes of the release
 * ADEChallengeData2016. The full data set, ADE20K_2021_17_01, has other folders and encodings and is not read.
 */
export const ade20k: CatalogueEntry = {
  scheme: 'ade20k',
  title: 'ADE20K',
  roles: ['labels', 'negatives'],
  homepage: 'http://sceneparsing.csail.mit.edu',
  licence: 'own terms, non-commercial research and education',
  layout: 'images/{training,validation}/*.jpg, annotations/{training,validation}/*.png',
  splits: { train: { images: 20210 }, val: { images: 2000 } },
  views: { closed: 'the 150 classes of scene parsing; other things are ignored' },
  async open({ root, splits, name, signal }) {
    const folders = splits.map((split) => FOLDERS[split])
    await checkLayout('ADE20K (ADEChallengeData2016)', root, [
      ...folders.map((folder) => join('images', folder)),
      ...folders.map((folder) => join('annotations', folder)),
    ])
    const entries: FileEntry[] = []
    for (const split of splits) {
      const pairs = await pairFiles({
        root,
        images: join('images', FOLDERS[split]),
        labels: join('annotations', FOLDERS[split]),
        id: (stem) => `${split}/${stem}`,
        signal,
      })
      entries.push(...pairs.values())
    }
    return labelledFiles(name, entries, ade20kTable())
  },
}

/** File values 1 … 150 → 0 … 149; 0, what is none of the classes, is ignored. */
function ade20kTable(): LabelTable {
  const names = ADE20K_CLASSES.map((one) => one.name)
  const entries = [[0, IGNORE_LABEL], ...names.map((_, label) => [label + 1, label])] as [number, number][]
  return {
    ...makeLabelTable('the list of ADE20K values', names, entries, 'error'),
    palette: ADE20K_CLASSES.map(({ colour }) => colour),
  }
}
