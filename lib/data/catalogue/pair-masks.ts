import { DenseHybridError } from '../../errors.ts'
import type { FileEntry } from '../datasets/labelled-files.ts'

/**
 * One entry an image, with its mask. The id is the stem.
 *
 * @param images files by stem, in order
 * @param options.expected where the mask of a stem should be, for messages
 * @param options.unpublished the publishers keep these masks: images without are not labelled
 * @throws DenseHybridError `NOT_FOUND` for an image without mask
 */
export function pairMasks(
  images: ReadonlyMap<string, string>,
  masks: ReadonlyMap<string, string>,
  options: { expected: (stem: string) => string; unpublished?: boolean },
): FileEntry[] {
  const missing = [...images.keys()].filter((stem) => !masks.has(stem))
  if (missing.length > 0 && options.unpublished !== true) {
    const more = missing.length === 1 ? '' : ` So it is for ${missing.length} of ${images.size} images.`
    throw new DenseHybridError(
      'NOT_FOUND',
      `${images.get(missing[0])} has no label map: expected ${options.expected(missing[0])}.${more}`,
      { hint: 'The archive was unpacked in part, or files were renamed.' },
    )
  }
  return [...images].map(([id, image]) => {
    const labels = masks.get(id)
    return labels === undefined ? { id, image } : { id, image, labels }
  })
}
