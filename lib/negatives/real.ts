import { checkSample } from '../data/batch.ts'
import type { Dataset, Sample } from '../data/dataset.ts'
import { checkRange } from '../data/transforms.ts'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { permutation, type Random, random } from '../random.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { allowedLabels, classesOfHalf, type Half, imageInHalf } from './halves.ts'
import { type IndexedInstance, instanceIndex, type ScanProgress } from './instance-index.ts'
import { RECTANGLE_PROBABILITY, rectangleSizes } from './mask.ts'
import { canGive, type Pasteable, pieceOfCrop, pieceOfInstance } from './pieces.ts'
import type { Negative, NegativeSource, TargetSize } from './types.ts'

/** Kinds of real negatives; see {@link real}. */
export type RealMode = 'rectangle' | 'segments' | 'instance'

/** Options of {@link real}. */
export interface RealNegativesOptions {
  /** Kinds to draw from. Default: rectangle and segments; rectangle alone for a data set without classes. */
  readonly modes?: readonly RealMode[]
  /** Names of classes whose pixels are never pasted. Default none. */
  readonly skipClasses?: readonly string[]
  /** Take only half of the images and half of the classes; 'a' and 'b' share neither. Default: all. */
  readonly half?: Half
  /** Side in pixels of the square crops that rectangles and segments come from. Default: half of the target's short side. */
  readonly cropSize?: number
  /** Range of a pasted instance's share of the target's area. Default [0.01, 0.15]. */
  readonly areaRange?: readonly [number, number]
  /** Smallest area in pixels, before resizing, of a usable instance. Default 400. */
  readonly minArea?: number
  /** Probability of a rectangle where there are other modes too. Default 0.5. */
  readonly rectangleProbability?: number
}

const MODES = ['rectangle', 'segments', 'instance'] as const
const OPTION_NAMES = [
  'modes',
  'skipClasses',
  'half',
  'cropSize',
  'areaRange',
  'minArea',
  'rectangleProbability',
]
const INSTANCE_ATTEMPTS = 20

/**
 * Negatives cut from the images of an auxiliary data set (METHOD §3, b = 1). With probability `rectangleProbability` a
 * rectangle, else one of the other modes:
 *
 * - `rectangle`: sides from {16, 24, …, < side of the crop} out of a random square crop of the image, which is resized
 *   beforehand so that its short side is `cropSize`;
 * - `segments`: the union of 2 classes of such a crop, drawn with replacement from those that are present (pixels without
 *   a class are left out);
 * - `instance`: one object, resized to a share of the target's area drawn from `areaRange` (square-root rule), but no
 *   larger than the target. Its class is the label that most of its pixels have. The first one reads all items once, to
 *   list the instances; {@link RealNegatives.prepare} does so beforehand.
 *
 * Pixels of `skipClasses` are masked out everywhere, and so are crowds then, whose class is not known. Pixels without a
 * class may be part of a rectangle. `half` keeps training and testing apart: images with an even index are half a, those
 * with an odd index half b; of the class names sorted by code unit the 1st, 3rd, 5th … are half a, the others half b, and
 * pixels of the other half's classes are masked out. Both halves must come from the same data set.
 *
 * @throws INVALID_ARGUMENT for bad options; EMPTY for a data set (or half of it) without images or classes to paste.
 */
export function real(dataset: Dataset, options: RealNegativesOptions = {}): RealNegatives {
  return new RealNegatives(dataset, options)
}

/** The source that {@link real} makes. */
export class RealNegatives implements NegativeSource {
  readonly name: string
  readonly dataset: Dataset
  readonly #modes: readonly RealMode[]
  readonly #images: readonly number[]
  readonly #pasteable: Pasteable
  readonly #half: Half | undefined
  readonly #cropSize: number | undefined
  readonly #areaRange: readonly [number, number]
  readonly #minArea: number
  readonly #rectangleProbability: number
  /** Images that hold nothing for a mode, so that they are not read again. */
  readonly #useless = { rectangle: new Set<number>(), segments: new Set<number>() }
  #instances: readonly IndexedInstance[] | undefined

  constructor(dataset: Dataset, options: RealNegativesOptions = {}) {
    if (typeof dataset?.item !== 'function') throw invalid('dataset', 'a Dataset', dataset)
    checkOptionNames('negatives.real', options, OPTION_NAMES)
    const { half, skipClasses = [] } = options
    if (half !== undefined) checkOneOf('half', half, ['a', 'b'])
    this.dataset = dataset
    this.#half = half
    this.#modes = checkModes(options.modes, dataset)
    this.#cropSize =
      options.cropSize === undefined ? undefined : checkInteger('cropSize', options.cropSize, 17)
    this.#areaRange = checkRange('areaRange', options.areaRange ?? [0.01, 0.15], 1)
    this.#minArea = checkInteger('minArea', options.minArea ?? 400, 1)
    const probability = options.rectangleProbability ?? RECTANGLE_PROBABILITY
    this.#rectangleProbability = checkNumber('rectangleProbability', probability, 0, 1)
    this.#pasteable = {
      labels: allowedLabels(dataset.classes, skipClasses, half),
      classes: dataset.classes.length,
      restricted: skipClasses.length > 0 || half !== undefined,
    }
    this.name = `${dataset.name} (${this.#modes.join(' + ')}${half === undefined ? '' : `, half ${half}`})`
    this.#images = Array.from({ length: dataset.length }, (_, index) => index).filter((i) =>
      imageInHalf(i, half),
    )
    if (this.#images.length === 0) {
      throw this.#empty('it has no images', 'Check its folder; a half needs a data set of at least 2 images.')
    }
    if (
      half !== undefined &&
      dataset.classes.length > 0 &&
      classesOfHalf(dataset.classes, half).length === 0
    ) {
      throw this.#empty('this half has no classes', 'A half needs a data set of at least 2 classes.')
    }
  }

  /** Lists the instances (mode `instance`), so that the first `sample` does not have to. Reads every item once. */
  async prepare(options: { signal?: AbortSignal; onProgress?: ScanProgress } = {}): Promise<void> {
    throwIfAborted(options.signal)
    if (this.#modes.includes('instance')) await this.#usableInstances(options)
  }

  async sample(rng: Random, target: TargetSize, options: { signal?: AbortSignal } = {}): Promise<Negative> {
    checkInteger('target.height', target?.height, 1)
    checkInteger('target.width', target.width, 1)
    throwIfAborted(options.signal)
    const mode = this.#drawMode(rng)
    // Attempts have streams of their own: what was read before cannot change what comes next.
    const seed = rng.integer(0, 2 ** 31 - 1)
    return mode === 'instance'
      ? this.#sampleInstance(seed, target, options.signal)
      : this.#sampleCrop(mode, seed, target, options.signal)
  }

  #drawMode(rng: Random): RealMode {
    const others = this.#modes.filter((mode) => mode !== 'rectangle')
    if (others.length === 0) return 'rectangle'
    if (others.length < this.#modes.length && rng.uniform() < this.#rectangleProbability) return 'rectangle'
    return rng.pick(others)
  }

  async #sampleCrop(
    mode: 'rectangle' | 'segments',
    seed: number,
    target: TargetSize,
    signal: AbortSignal | undefined,
  ): Promise<Negative> {
    const short = Math.min(target.height, target.width)
    const side = Math.min(this.#cropSize ?? Math.max(32, Math.floor(short / 2)), short)
    if (mode === 'rectangle' && rectangleSizes(side).length === 0) {
      const size = `${target.width}×${target.height}`
      throw this.#empty(
        `no negative is small enough for an image of ${size} pixels`,
        'Rectangles need more than 16.',
      )
    }
    for (const index of shuffled(this.#images, random(seed))) {
      if (this.#useless[mode].has(index)) continue
      throwIfAborted(signal)
      const sample = await this.#read(index)
      if (!canGive(sample, mode, this.#pasteable)) {
        this.#useless[mode].add(index)
        continue
      }
      const negative = await pieceOfCrop(sample, mode, this.#pasteable, side, random(seed, index))
      if (negative !== undefined) return negative
    }
    throw this.#empty(
      `none of its ${this.#images.length} images gives ${mode === 'rectangle' ? 'a rectangle' : 'segments'}`,
      'Skip fewer classes, choose other modes, or check its labels with `densehybrid data check`.',
    )
  }

  async #sampleInstance(
    seed: number,
    target: TargetSize,
    signal: AbortSignal | undefined,
  ): Promise<Negative> {
    const usable = await this.#usableInstances({ signal })
    const rng = random(seed)
    for (let attempt = 0; attempt < INSTANCE_ATTEMPTS; attempt++) {
      throwIfAborted(signal)
      const { image, id } = rng.pick(usable)
      const sample = await this.#read(image)
      const negative = await pieceOfInstance(sample, id, this.#pasteable, this.#areaRange, target, rng)
      if (negative !== undefined) return negative
    }
    throw this.#empty(
      `no negative large enough: nothing is left of its instances in an image of ${target.width}×${target.height} pixels`,
      'Use a larger areaRange or larger images.',
    )
  }

  async #usableInstances(options: {
    signal?: AbortSignal
    onProgress?: ScanProgress
  }): Promise<readonly IndexedInstance[]> {
    if (this.#instances !== undefined) return this.#instances
    const all = await instanceIndex(this.dataset, options)
    const { labels, classes, restricted } = this.#pasteable
    const ofClass = all.filter(
      ({ image, label }) =>
        imageInHalf(image, this.#half) && (label < classes ? labels[label] === 1 : !restricted),
    )
    const usable = ofClass.filter(({ area }) => area >= this.#minArea)
    if (usable.length === 0) {
      const counts = `${all.length} instances, ${ofClass.length} of them in the half and of classes that may be pasted`
      throw this.#empty(
        `it has no usable instance (${counts}, none with ${this.#minArea} pixels or more)`,
        all.length === 0
          ? 'The data set needs instance maps; without them use the modes rectangle and segments.'
          : 'Skip fewer classes or lower minArea.',
      )
    }
    this.#instances = usable
    return usable
  }

  async #read(index: number): Promise<Sample> {
    return checkSample(`item ${index} of ${this.dataset.name}`, await this.dataset.item(index))
  }

  #empty(reason: string, hint: string): DenseHybridError {
    return new DenseHybridError('EMPTY', `No negatives from ${this.name}: ${reason}.`, { hint })
  }
}

function checkModes(modes: readonly RealMode[] | undefined, dataset: Dataset): readonly RealMode[] {
  if (modes === undefined) return dataset.classes.length > 0 ? ['rectangle', 'segments'] : ['rectangle']
  if (!Array.isArray(modes) || modes.length === 0)
    throw invalid('modes', `some of ${MODES.join(', ')}`, modes)
  for (const mode of modes) checkOneOf('modes', mode, MODES)
  if (modes.includes('segments') && dataset.classes.length === 0) {
    throw invalid(
      'modes',
      'rectangle or instance',
      modes,
      `Segments need classes, and ${dataset.name} has none.`,
    )
  }
  return [...new Set(modes)] as RealMode[]
}

/** Every item once, in random order; the order beyond the first item is drawn only when it is needed. */
function* shuffled(items: readonly number[], rng: Random): Generator<number> {
  const first = rng.integer(0, items.length - 1)
  yield items[first]
  for (const index of permutation(items.length, rng)) if (index !== first) yield items[index]
}
