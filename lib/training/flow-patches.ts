import type { Dataset } from '../data/dataset.ts'
import { derive } from '../data/derive.ts'
import { DataLoader } from '../data/loader.ts'
import { checkRange } from '../data/transforms.ts'
import { checkInteger, checkNumber, invalid } from '../validate.ts'

/** How patches are cut out of the images of a data set. */
export interface PatchOptions {
  /** Patches a step. Default 16. */
  readonly batchSize?: number
  /** Height and width in pixels, a multiple of the flow's `reduction`. Default 64. */
  readonly crop?: number
  /** Range of the random factor by which an image is resized before the crop. Default [1, 1]: as it is. */
  readonly scale?: readonly [number, number]
  /** Probability that a patch is mirrored. Default 0.5. */
  readonly flip?: number
}

/** {@link PatchOptions} by name. */
export const PATCH_OPTION_NAMES = [
  'batchSize',
  'crop',
  'scale',
  'flip',
] as const satisfies readonly (keyof PatchOptions)[]

/**
 * Random crops of a data set in batches, one crop an image; its labels are not used. An image that is smaller than the
 * crop is an error (INVALID_ARGUMENT) when its turn comes: padding would be learned, too.
 *
 * @throws DenseHybridError INVALID_ARGUMENT naming the option; EMPTY for a data set without items
 */
export function patchLoader(
  source: Dataset,
  options: PatchOptions,
  { reduction, seed }: { reduction: number; seed: number },
): DataLoader {
  if (typeof source?.item !== 'function') throw invalid('source', 'a Dataset', source)
  const crop = checkInteger('crop', options.crop ?? 64, 1)
  if (crop % reduction !== 0) throw invalid('crop', `a multiple of ${reduction}`, crop)
  const scale = checkRange('scale', options.scale ?? [1, 1], 64)
  return new DataLoader(largeEnough(source, crop, scale[0]), {
    batchSize: checkInteger('batchSize', options.batchSize ?? 16, 1),
    crop: [crop, crop],
    scale,
    flip: checkNumber('flip', options.flip ?? 0.5, 0, 1),
    seed,
  })
}

function largeEnough(source: Dataset, crop: number, factor: number): Dataset {
  return derive(source, {
    name: source.name,
    sample: (sample) => {
      const [height, width] = sample.image.shape
      const fits = (length: number) => Math.round(crop / factor) <= length
      if (fits(height) && fits(width)) return sample
      const size = `${width}×${height} pixels (width×height)`
      const resized = factor === 1 ? '' : ` times ${factor}`
      throw invalid('crop', `at most the size of image ${sample.id}, ${size}${resized},`, crop)
    },
  })
}
