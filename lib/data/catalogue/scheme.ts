import type { Dataset } from '../dataset.ts'
import type { Scheme } from '../dataset-schemes.ts'
import { type Spec, specError } from '../spec.ts'
import { oneOfListValue, oneOfValue, stringValue } from '../spec-values.ts'
import type { CatalogueEntry } from './entry.ts'

/** How specs of a published data set are opened: `scheme:root?split=a,b&view=…` and its further keys. */
export function catalogueScheme(entry: CatalogueEntry): Scheme<Dataset> {
  const further = Object.keys(entry.keys ?? {})
  return {
    keys: ['split', 'view', 'name', ...further],
    open: (spec, signal) => openEntry(entry, spec, signal),
  }
}

/**
 * Opens the data set of a spec.
 *
 * @param defaultSplit the split of a spec without `split`; absent: it must be given
 */
export async function openEntry(
  entry: CatalogueEntry,
  spec: Spec,
  signal: AbortSignal | undefined,
  defaultSplit = entry.defaultSplit,
): Promise<Dataset> {
  if (spec.path === '')
    throw specError(spec.text, `the folder of ${entry.title} is missing`, `Write ${entry.scheme}:DIR`)
  const known = Object.keys(entry.splits)
  const splits = oneOfListValue(spec, 'split', known) ?? (defaultSplit ? [defaultSplit] : undefined)
  if (splits === undefined) {
    throw specError(
      spec.text,
      'split is missing',
      `Add split=NAME with one of ${known.join(', ')}, or several: split=A,B`,
    )
  }
  if (new Set(splits).size < splits.length) throw specError(spec.text, 'split names one twice')
  const [defaultView] = Object.keys(entry.views)
  const view = oneOfValue(spec, 'view', Object.keys(entry.views)) ?? defaultView
  const values: Record<string, string> = {}
  for (const key of Object.keys(entry.keys ?? {})) {
    const value = stringValue(spec, key)
    if (value !== undefined) values[key] = value
  }
  const given = stringValue(spec, 'name')
  const name = given ?? `${entry.scheme} (${splits.join(', ')}${view === defaultView ? '' : `, ${view}`})`
  const dataset = await entry.open({ root: spec.path, splits, view, values, name, ...(signal && { signal }) })
  const official = splits.map((split) => entry.splits[split].images)
  if (official.includes(undefined)) return dataset
  const officialLength = official.reduce<number>((sum, images) => sum + (images ?? 0), 0)
  return { ...dataset, officialLength }
}
