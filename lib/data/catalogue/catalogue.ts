import { bddAnomaly } from './bdd-anomaly.ts'
import { camvidOod } from './camvid-ood.ts'
import { cityscapes } from './cityscapes.ts'
import type { CatalogueEntry } from './entry.ts'
import { mapillary } from './mapillary.ts'
import { streethazards } from './streethazards.ts'

/** Published data sets that are read as they are distributed, in the order of `densehybrid data list`. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  cityscapes,
  streethazards,
  bddAnomaly,
  mapillary,
  camvidOod,
]
