import { type RealNegativesOptions, real } from '../negatives/real.ts'
import type { NegativeSource } from '../negatives/types.ts'
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

/** Sources of negatives by scheme. */
export const negativeSchemes: Readonly<Record<string, Scheme<NegativeSource>>> = {
  folder: {
    keys: [
      ...FOLDER_KEYS,
      'limit',
      'mode',
      'skip',
      'half',
      'crop-size',
      'area',
      'min-area',
      'rectangle-probability',
    ],
    open: openReal,
  },
  scenes: { keys: [...SCENE_KEYS, 'area'], open: openScenes },
}

async function openReal(spec: Spec, signal: AbortSignal | undefined): Promise<NegativeSource> {
  const options = realOptions(spec)
  const limit = integerValue(spec, 'limit', 1)
  const dataset = await openFolder(spec, 'ignore', signal)
  return real(limit === undefined ? dataset : firstItems(dataset, limit), options)
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
