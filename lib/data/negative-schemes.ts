import { type RealNegativesOptions, real } from '../negatives/real.ts'
import type { NegativeSource } from '../negatives/types.ts'
import { cached } from './cached.ts'
import { CATALOGUE } from './catalogue/catalogue.ts'
import type { CatalogueEntry } from './catalogue/entry.ts'
import { catalogueScheme, openEntry } from './catalogue/scheme.ts'
import type { Dataset } from './dataset.ts'
import { FOLDER_KEYS, openFolder, SCENE_KEYS, type Scheme, sceneOptions } from './dataset-schemes.ts'
import { sceneNegatives } from './scenes/index.ts'
import { type Spec, specError } from './spec.ts'
import {
  integerValue,
  listValue,
  numberValue,
  oneOfListValue,
  oneOfValue,
  rangeValue,
} from './spec-values.ts'
import { firstItems } from './subset.ts'

/** Keys of negatives that are cut from a data set, beside the data set's own. */
const REAL_KEYS: readonly string[] = [
  'limit',
  'mode',
  'skip',
  'half',
  'crop-size',
  'area',
  'min-area',
  'rectangle-probability',
]

/** Decoded images that are kept in memory, in bytes: small data sets are read from disk once. */
const CACHE = 2 ** 29

/** Sources of negatives by scheme. */
export const negativeSchemes: Readonly<Record<string, Scheme<NegativeSource>>> = {
  folder: realScheme(FOLDER_KEYS, (spec, signal) => openFolder(spec, 'ignore', signal)),
  scenes: { keys: [...SCENE_KEYS, 'area'], open: openScenes },
  ...Object.fromEntries(
    CATALOGUE.filter(({ roles }) => roles.includes('negatives')).map((entry) => [
      entry.scheme,
      publishedScheme(entry),
    ]),
  ),
}

/** Negatives from a published data set; from its first split where a spec names none. */
function publishedScheme(entry: CatalogueEntry): Scheme<NegativeSource> {
  const split = entry.defaultSplit ?? Object.keys(entry.splits)[0]
  return realScheme(catalogueScheme(entry).keys, (spec, signal) => openEntry(entry, spec, signal, split))
}

function realScheme(
  keys: readonly string[],
  openDataset: (spec: Spec, signal: AbortSignal | undefined) => Promise<Dataset>,
): Scheme<NegativeSource> {
  return {
    keys: [...keys, ...REAL_KEYS],
    open: async (spec, signal) => {
      const options = realOptions(spec)
      const limit = integerValue(spec, 'limit', 1)
      const dataset = await openDataset(spec, signal)
      return real(cached(limit === undefined ? dataset : firstItems(dataset, limit), CACHE), options)
    },
  }
}

function realOptions(spec: Spec): RealNegativesOptions {
  return {
    modes: oneOfListValue(spec, 'mode', ['rectangle', 'segments', 'instance']),
    skipClasses: listValue(spec, 'skip'),
    half: oneOfValue(spec, 'half', ['a', 'b']),
    cropSize: integerValue(spec, 'crop-size', 1),
    areaRange: rangeValue(spec, 'area', 0, 1),
    minArea: integerValue(spec, 'min-area', 1),
    rectangleProbability: numberValue(spec, 'rectangle-probability', 0, 1),
  }
}

async function openScenes(spec: Spec): Promise<NegativeSource> {
  if (spec.path !== '') {
    throw specError(
      spec.text,
      `negatives have no splits, but ${JSON.stringify(spec.path)} is given`,
      'Write scenes:?seed=1',
    )
  }
  return sceneNegatives({ ...sceneOptions(spec), areaRange: rangeValue(spec, 'area', 0, 1) })
}
