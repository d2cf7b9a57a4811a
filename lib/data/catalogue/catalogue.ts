import { ade20k } from './ade20k.ts'
import { bddAnomaly } from './bdd-anomaly.ts'
import { camvidOod } from './camvid-ood.ts'
import { cityscapes } from './cityscapes.ts'
import { cocoStuff } from './coco-stuff.ts'
import { coco2080 } from './coco20-80.ts'
import type { CatalogueEntry } from './entry.ts'
import { fishyscapesLostFound } from './fishyscapes-lost-found.ts'
import { fishyscapesStatic } from './fishyscapes-static.ts'
import { lostAndFound } from './lost-and-found.ts'
import { mapillary } from './mapillary.ts'
import { pascalCoco } from './pascal-coco.ts'
import { roadAnomaly } from './road-anomaly.ts'
import { roadAnomaly21 } from './road-anomaly-21.ts'
import { roadObstacle21 } from './road-obstacle-21.ts'
import { streethazards } from './streethazards.ts'

/** Published data sets that are read as they are distributed, in the order of `densehybrid data list`. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  cityscapes,
  streethazards,
  bddAnomaly,
  mapillary,
  camvidOod,
  fishyscapesStatic,
  fishyscapesLostFound,
  lostAndFound,
  roadAnomaly21,
  roadObstacle21,
  roadAnomaly,
  coco2080,
  pascalCoco,
  cocoStuff,
  ade20k,
]
