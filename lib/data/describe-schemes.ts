import { CATALOGUE } from './catalogue/catalogue.ts'
import type { CatalogueEntry } from './catalogue/entry.ts'
import { GENERAL_SCHEMES, type SchemeDescription } from './catalogue/general.ts'

export type { SchemeDescription } from './catalogue/general.ts'

/** All data sets that specs can name: the published ones, then what reads any folder. */
export function listDatasets(): SchemeDescription[] {
  return [...CATALOGUE.map(describe), ...GENERAL_SCHEMES]
}

function describe(entry: CatalogueEntry): SchemeDescription {
  const { scheme, title, roles, homepage, licence, layout, splits, defaultSplit, views, keys = {} } = entry
  const [first] = Object.keys(splits)
  return {
    scheme,
    title,
    roles,
    homepage,
    licence,
    layout,
    splits,
    ...(defaultSplit !== undefined && { defaultSplit }),
    views,
    keys,
    example: `${scheme}:DIR${defaultSplit === undefined ? `?split=${first}` : ''}`,
  }
}
