import type { Negative, NegativeSource } from '../../negatives/types.ts'
import { type Random, random } from '../../random.ts'
import { tensor } from '../../tensor.ts'
import { checkInteger, checkNumber, checkOptionNames, invalid } from '../../validate.ts'
import { between } from './draw.ts'
import { drawRecipe } from './negatives/picture.ts'
import { createRecipe } from './negatives/recipes.ts'

/** Which negatives, and how large. */
export interface SceneNegativesOptions {
  /** Another seed gives other objects. */
  readonly seed?: number
  /** Number of different objects to draw from; without it every draw makes a new one. */
  readonly length?: number
  /** Largest extents of a negative in pixels; by default nine tenths of the image it is pasted into. */
  readonly width?: number
  readonly height?: number
  /** Smallest and largest share of the image that a negative covers, about; [0.004, 0.12] by default. */
  readonly areaRange?: readonly [number, number]
}

/** Keys the streams of negatives apart from those of scenes. */
const STREAM = 0x4e5a
const SMALLEST = 6
const TRIES = 8

/**
 * Generated negatives for training with the embedded scenes: abstract textured shapes, things joined from several parts,
 * plain solids, things on legs, fruit and kitchenware, lit or flat, sharp or blurred. None of the objects of the val and
 * test scenes is among them.
 * The stream given to `sample` decides everything but the seed.
 *
 * @throws DenseHybridError INVALID_ARGUMENT for a bad or misspelt option; `sample` rejects with it for a target below 16×16.
 */
export function sceneNegatives(options: SceneNegativesOptions = {}): NegativeSource {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  checkOptionNames('sceneNegatives', options, ['seed', 'length', 'width', 'height', 'areaRange'])
  const seed = checkInteger('seed', options.seed ?? 0, 0)
  const length = checkInteger('length', options.length ?? 2 ** 31 - 1, 1, 2 ** 31 - 1)
  const widest = checkInteger('width', options.width ?? Number.MAX_SAFE_INTEGER, SMALLEST)
  const highest = checkInteger('height', options.height ?? Number.MAX_SAFE_INTEGER, SMALLEST)
  const [low, high] = checkAreaRange(options.areaRange ?? [0.004, 0.12])
  return {
    name: 'scenes (negatives)',
    async sample(rng, target) {
      const height = checkInteger('target.height', target.height, 16)
      const width = checkInteger('target.width', target.width, 16)
      const limit = {
        width: Math.min(widest, Math.floor(0.9 * width)),
        height: Math.min(highest, Math.floor(0.9 * height)),
      }
      const object = rng.integer(0, length - 1)
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const area = Math.exp(between(rng, Math.log(low), Math.log(high))) * width * height
        const negative = draw(random(seed, STREAM, object, attempt), area, limit)
        if (negative !== undefined) return negative
      }
      return solidDisc(limit)
    },
  }
}

function checkAreaRange(range: readonly [number, number]): readonly [number, number] {
  if (!Array.isArray(range) || range.length !== 2)
    throw invalid('areaRange', 'two shares [smallest, largest]', range)
  checkNumber('areaRange[0]', range[0], 1e-4, 1)
  checkNumber('areaRange[1]', range[1], range[0], 1)
  return range
}

/** A picture of the object that the stream decides on, about `area` pixels large; undefined when nothing of it shows. */
function draw(rng: Random, area: number, limit: { width: number; height: number }): Negative | undefined {
  const recipe = createRecipe(rng)
  // Shapes fill about 0.6 of their box.
  const side = Math.sqrt(area / 0.6)
  const stretch = Math.sqrt(recipe.aspect)
  const width = Math.min(limit.width, Math.max(SMALLEST, Math.round(side / stretch)))
  const height = Math.min(limit.height, Math.max(SMALLEST, Math.round(side * stretch)))
  return drawRecipe(rng, recipe, width, height)
}

/** What is pasted when no try of an object shows a pixel: a grey disc. */
function solidDisc(limit: { width: number; height: number }): Negative {
  const side = Math.max(SMALLEST, Math.min(limit.width, limit.height, 16))
  const mask = Uint8Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) - side / 2 + 0.5, Math.floor(i / side) - side / 2 + 0.5]
    return x * x + y * y < (side * side) / 4 ? 1 : 0
  })
  return {
    image: tensor(new Uint8Array(side * side * 3).fill(127), [side, side, 3]),
    mask: tensor(mask, [side, side]),
  }
}
