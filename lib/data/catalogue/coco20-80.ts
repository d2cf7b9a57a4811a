import { join } from 'node:path'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../dataset.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { listedFiles } from '../datasets/listed-files.ts'
import { pathFrom } from '../datasets/pair-files.ts'
import { OTHER_THINGS, VOC_THINGS } from './coco-classes.ts'
import { COCO_LAYOUT, cocoFiles, cocoFolder, cocoTable } from './coco-files.ts'
import { checkCocoNames } from './coco-names.ts'
import type { CatalogueEntry } from './entry.ts'

/**
 * COCO20/80 of Grcić, Šegvić, "Hybrid Open-Set Segmentation With Synthetic Negative Data" (TPAMI 2024): the 20 things of
 * Pascal VOC are known, the other 60 of COCO unknown, and stuff is ignored. The authors' lists of images
 * (coco_stuff_train_images.txt, coco_stuff_val_images.txt) are not published; without a list, images of the splits that
 * show no known class are kept.
 */
export const coco2080: CatalogueEntry = {
  scheme: 'coco20-80',
  title: 'COCO20/80',
  roles: ['labels', 'anomalies'],
  homepage: 'https://arxiv.org/abs/2301.08555',
  licence: 'that of COCO-Stuff: annotations CC BY 4.0; images under the terms of Flickr',
  layout: `${COCO_LAYOUT}, perhaps labels.txt`,
  splits: {
    train: { about: "all 118287 images of COCO; list=FILE takes the authors' choice" },
    val: { about: "all 5000 images of COCO; list=FILE takes the authors' choice" },
  },
  views: {
    closed: '20 known things; the other 60 and stuff are ignored',
    open: '20 known things and 60 unknown ones; stuff is ignored',
  },
  keys: { list: 'a text file below the root (or a complete path) with the names of the images, one a line' },
  async open({ root, splits, view, values, name, signal }) {
    const all = await cocoFiles('COCO20/80', root, splits, signal)
    await checkCocoNames(join(root, 'labels.txt'), signal)
    const entries =
      values.list === undefined
        ? all
        : await listedFiles(pathFrom(root, values.list), byName(all), { signal })
    const table = cocoTable(VOC_THINGS, OTHER_THINGS, view === 'open' ? UNKNOWN_LABEL : IGNORE_LABEL)
    return labelledFiles(name, entries, table)
  },
}

/** The entries by the names that lists may give them: `000000000009`, with its folder, or with the folder of images. */
function byName(entries: readonly FileEntry[]): Map<string, FileEntry> {
  const names = new Map<string, FileEntry>()
  for (const entry of entries) {
    const [split, stem] = entry.id.split('/')
    for (const folder of ['', `${cocoFolder(split)}/`, `images/${cocoFolder(split)}/`]) {
      names.set(`${folder}${stem}`, entry)
    }
  }
  return names
}
