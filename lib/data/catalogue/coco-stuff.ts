import { labelledFiles } from '../datasets/labelled-files.ts'
import { COCO_CLASSES } from './coco-classes.ts'
import { COCO_LAYOUT, COCO_SPLITS, cocoFiles, cocoTable } from './coco-files.ts'
import type { CatalogueEntry } from './entry.ts'

/** Caesar et al., "COCO-Stuff: Thing and Stuff Classes in Context" (CVPR 2018): all images of COCO 2017. */
export const cocoStuff: CatalogueEntry = {
  scheme: 'coco-stuff',
  title: 'COCO-Stuff',
  roles: ['labels', 'negatives'],
  homepage: 'https://github.com/nightrome/cocostuff',
  licence: 'annotations CC BY 4.0; images under the terms of Flickr',
  layout: COCO_LAYOUT,
  splits: COCO_SPLITS,
  views: { closed: '80 things and 91 kinds of stuff; unlabelled pixels are ignored' },
  async open({ root, splits, name, signal }) {
    const entries = await cocoFiles('COCO-Stuff', root, splits, signal)
    return labelledFiles(name, entries, cocoTable(COCO_CLASSES))
  },
}
