import { join } from 'node:path'
import { IGNORE_LABEL } from '../dataset.ts'
import { type LabelTable, makeLabelTable } from '../datasets/label-table.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { pairFiles } from '../datasets/pair-files.ts'
import { CITYSCAPES_CLASSES } from './cityscapes-classes.ts'
import type { CatalogueEntry } from './entry.ts'
import { checkLayout } from './layout.ts'

/** Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding" (CVPR 2016), fine annotations. */
export const cityscapes: CatalogueEntry = {
  scheme: 'cityscapes',
  title: 'Cityscapes',
  roles: ['labels'],
  homepage: 'https://www.cityscapes-dataset.com',
  licence: 'own terms, non-commercial research; registration',
  layout: 'leftImg8bit/SPLIT/CITY/*_leftImg8bit.png, gtFine/SPLIT/CITY/*_gtFine_labelIds.png',
  splits: {
    train: { images: 2975 },
    val: { images: 500 },
    test: { images: 1525, about: 'its public labels are empty' },
  },
  views: { closed: 'the 19 evaluated classes; the other 15 ids are ignored' },
  async open({ root, splits, name, signal }) {
    await checkLayout('Cityscapes', root, ['leftImg8bit', 'gtFine'])
    const entries: FileEntry[] = []
    for (const split of splits) {
      const pairs = await pairFiles({
        root,
        images: join('leftImg8bit', split),
        labels: join('gtFine', split),
        imageSuffix: '_leftImg8bit',
        labelSuffix: '_gtFine_labelIds',
        id: (stem) => `${split}/${stem}`,
        signal,
      })
      entries.push(...pairs.values())
    }
    return labelledFiles(name, entries, cityscapesTable('labelIds of Cityscapes'))
  },
}

/** File values 0 … 33 → 0 … 18 or ignore; 255, too, is ignore. 34 (licence plates) does not occur in releases. */
export function cityscapesTable(name: string): LabelTable {
  const label = new Map(CITYSCAPES_CLASSES.map(({ id }, index) => [id, index]))
  const entries = Array.from({ length: 34 }, (_, id) => [id, label.get(id) ?? IGNORE_LABEL] as const)
  const classes = CITYSCAPES_CLASSES.map((one) => one.name)
  return {
    ...makeLabelTable(name, classes, entries, 'error'),
    palette: CITYSCAPES_CLASSES.map(({ colour }) => colour),
  }
}
