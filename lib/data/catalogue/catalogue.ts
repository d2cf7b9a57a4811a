import { cityscapes } from './cityscapes.ts'
import type { CatalogueEntry } from './entry.ts'

/** Published data sets that are read as they are distributed, in the order of `densehybrid data list`. */
export const CATALOGUE: readonly CatalogueEntry[] = [cityscapes]
