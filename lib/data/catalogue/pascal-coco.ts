import { IGNORE_LABEL, UNKNOWN_LABEL } from '../dataset.ts'
import { labelledFiles } from '../datasets/labelled-files.ts'
import { pathFrom } from '../datasets/pair-files.ts'
import { COCO_STUFF, OTHER_THINGS, VOC_THINGS } from './coco-classes.ts'
import { type CocoDivision, readCocoDivision } from './coco-division.ts'
import { COCO_LAYOUT, COCO_SPLITS, cocoFiles, cocoTable } from './coco-files.ts'
import type { CatalogueEntry } from './entry.ts'

/** The 20 things of Pascal VOC and all stuff are known, the other 60 things unknown. */
const VOC_20_60: CocoDivision = { known: [...VOC_THINGS, ...COCO_STUFF], unknown: OTHER_THINGS }

/**
 * COCO-Stuff divided into known and unknown classes. The default is the closest public analogue of the Pascal-COCO set-up
 * of "Hybrid Open-Set Segmentation With Synthetic Negative Data" (TPAMI 2024), whose exact classes are not published: the
 * division voc_20_60 of Hong et al., "GOSS: Towards Generalized Open-set Semantic Segmentation". The key `classes` names a
 * file with another division, see {@link readCocoDivision}.
 */
export const pascalCoco: CatalogueEntry = {
  scheme: 'pascal-coco',
  title: 'Pascal-COCO',
  roles: ['labels', 'anomalies'],
  homepage: 'https://github.com/nightrome/cocostuff',
  licence: 'that of COCO-Stuff: annotations CC BY 4.0; images under the terms of Flickr',
  layout: COCO_LAYOUT,
  splits: COCO_SPLITS,
  views: {
    closed: 'known classes (20 things and 91 kinds of stuff); unknown ones are ignored',
    open: 'known classes, and unknown ones (60 things)',
  },
  keys: {
    classes:
      'a JSON file below the root (or a complete path), {"known": ["person", …], "unknown": ["dog", …]}; other classes are ignored',
  },
  async open({ root, splits, view, values, name, signal }) {
    const entries = await cocoFiles('Pascal-COCO', root, splits, signal)
    const { known, unknown } =
      values.classes === undefined
        ? VOC_20_60
        : await readCocoDivision(pathFrom(root, values.classes), signal)
    return labelledFiles(
      name,
      entries,
      cocoTable(known, unknown, view === 'open' ? UNKNOWN_LABEL : IGNORE_LABEL),
    )
  },
}
