import { checkInteger, checkOptionNames } from '../validate.ts'
import type { Dataset } from './dataset.ts'
import { derive } from './derive.ts'
import { resampleImage, resampleLabels, wholeRegion } from './resample.ts'

/**
 * Every sample at `width` × `height` pixels, whatever its aspect ratio. Images are resized linearly (averaging where they
 * shrink), off the event loop; label and instance maps take the value at ⌊(j + ½)·in/out⌋, the nearest pixel centre.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT`
 */
export function resized(dataset: Dataset, size: { width: number; height: number }): Dataset {
  checkOptionNames('resized', size, ['width', 'height'])
  const width = checkInteger('size.width', size.width, 1, 1 << 15)
  const height = checkInteger('size.height', size.height, 1, 1 << 15)
  return derive(dataset, {
    name: `${dataset.name} at ${width}×${height}`,
    sample: async ({ id, image, labels, instances }) => {
      const whole = wholeRegion(labels)
      return {
        id,
        image: await resampleImage(image, whole, height, width),
        labels: resampleLabels(labels, whole, height, width),
        ...(instances && { instances: resampleLabels(instances, whole, height, width) }),
      }
    },
  })
}
