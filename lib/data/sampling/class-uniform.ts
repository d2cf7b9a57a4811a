import { DenseHybridError } from '../../errors.ts'
import { checkInteger, checkNumber, checkOptionNames } from '../../validate.ts'
import type { ClassIndex } from './class-index.ts'
import { positionStream, type Sampler, shuffled } from './sampler.ts'

/** Options of {@link classUniform}. */
export interface ClassUniformOptions {
  /** Items of the data set. */
  readonly length: number
  /** Share of the positions that are drawn by class; the others are all items in a random order. Default 0.5. */
  readonly share?: number
}

/**
 * Class-uniform sampling, as for Cityscapes in Zhu et al., "Improving Semantic Segmentation via Video Propagation and
 * Label Relaxation" (2019): a share of the positions chooses a class uniformly, an image that has it, and a pixel of it,
 * which the crop then shows. Rare classes are so seen as often as common ones. Classes without any pixel are left out.
 *
 * @throws DenseHybridError `EMPTY` where no class has pixels; `INVALID_ARGUMENT`
 */
export function classUniform(index: ClassIndex, options: ClassUniformOptions): Sampler {
  checkOptionNames('classUniform', options, ['length', 'share'])
  const length = checkInteger('length', options.length, 1)
  const share = checkNumber('share', options.share ?? 0.5, 0, 1)
  const classes = index.filter((places) => places.length > 0)
  if (classes.length === 0) throw new DenseHybridError('EMPTY', 'No class of the index has any pixel.')
  const all = shuffled(length)
  return {
    length,
    draw(epoch, position, seed) {
      const rng = positionStream(seed, epoch, position)
      if (rng.uniform() >= share) return all.draw(epoch, position, seed)
      const { item, points } = rng.pick(rng.pick(classes))
      return { item, focus: rng.pick(points) }
    },
  }
}
