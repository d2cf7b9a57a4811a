import { classColours } from '../../palette.ts'
import { tensor } from '../../tensor.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import type { Dataset, Sample } from '../dataset.ts'
import { SCENE_CLASSES } from './classes.ts'
import { renderScene } from './render.ts'
import { UNKNOWN_KINDS } from './unknown/kinds.ts'

/** Which scenes, how many, how large. */
export interface ScenesOptions {
  readonly split: 'train' | 'val' | 'test'
  /** Number of scenes; defaults: 240 of train, 40 of val, 60 of test. A longer set begins with the shorter one. */
  readonly length?: number
  /** Pixels, 64 … 2048; 192 by default. */
  readonly width?: number
  /** Pixels, 48 … 2048; 128 by default. */
  readonly height?: number
  /** Another seed gives other scenes. */
  readonly seed?: number
  /** Whether unknown objects stand on the street: by default in val and test. `false` gives the same scenes without. */
  readonly anomalies?: boolean
}

/** Raised whenever the same options give other pictures or labels. */
const GENERATOR_VERSION = 1
const SPLITS = ['train', 'val', 'test'] as const
const LENGTHS = { train: 240, val: 40, test: 60 }

/**
 * The embedded data set: street scenes rendered from nothing but `seed`, with SCENE_CLASSES as known classes. No two
 * splits share a scene. Scenes of val and test hold one to three objects of kinds that train never shows, labelled
 * UNKNOWN_LABEL, 0.3 to 8 % of the image each as far as nothing hides them; val has other kinds (sheep, pigs, hay
 * bales, barrels, tents, wardrobes) than test (cows, horses, crates, boats, balls, tyres, couches), so that a threshold
 * found on val meets new things on test. A pixel that two classes share evenly is labelled IGNORE_LABEL.
 *
 * `item` renders on the event loop: 10 to 15 ms for 192×128, and in proportion to the pixels.
 *
 * @throws DenseHybridError INVALID_ARGUMENT for a bad or misspelt option, and for `anomalies: true` with split train.
 */
export function scenes(options: ScenesOptions): Dataset {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  checkOptionNames('scenes', options, ['split', 'length', 'width', 'height', 'seed', 'anomalies'])
  const split = checkOneOf('split', options.split, SPLITS)
  const length = checkInteger('length', options.length ?? LENGTHS[split], 1)
  const width = checkInteger('width', options.width ?? 192, 64, 2048)
  const height = checkInteger('height', options.height ?? 128, 48, 2048)
  const seed = checkInteger('seed', options.seed ?? 0, 0)
  const anomalies = options.anomalies ?? split !== 'train'
  if (typeof anomalies !== 'boolean') throw invalid('anomalies', 'true or false', anomalies)
  if (split === 'train' && anomalies) {
    throw invalid(
      'anomalies',
      'false with split train',
      anomalies,
      'Unknown objects are for val and test; train with sceneNegatives.',
    )
  }
  const kinds = split === 'train' || !anomalies ? [] : UNKNOWN_KINDS[split]
  const digits = Math.max(4, String(length - 1).length)
  const idOf = (index: number) => {
    checkInteger('index', index, 0, length - 1)
    return `${split}-${String(index).padStart(digits, '0')}`
  }
  const recipe = `scenes ${GENERATOR_VERSION}, seed ${seed}, ${width}×${height}, anomalies ${anomalies}`
  return {
    name: `scenes (${split})`,
    classes: SCENE_CLASSES,
    palette: classColours(SCENE_CLASSES),
    length,
    source: (index) => ({ id: idOf(index), recipe }),
    async item(index: number): Promise<Sample> {
      const id = idOf(index)
      const scene = renderScene({ seed, split: SPLITS.indexOf(split), index }, width, height, kinds)
      return {
        id,
        image: tensor(scene.image, [height, width, 3]),
        labels: tensor(scene.labels, [height, width]),
      }
    },
  }
}
