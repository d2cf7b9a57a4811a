import { UNKNOWN_LABEL } from '../data/dataset.ts'
import { type Tensor, tensor } from '../tensor.ts'

const UNKNOWN_OPACITY = 0.92

/**
 * Class colours over the image in grey, so that no hue of the image is taken for a class.
 *
 * @param image H×W×3 RGB
 * @param labels H×W
 * @param colours 256×3, of each label
 * @param opacity share of the class colour over the image, 0 … 1
 */
export function blendLabels(
  image: Tensor<Uint8Array>,
  labels: Tensor<Uint8Array>,
  colours: Tensor<Uint8Array>,
  classCount: number,
  opacity: number,
): Tensor<Uint8Array> {
  const output = new Uint8Array(image.data.length)
  for (let i = 0; i < labels.data.length; i++) {
    const label = labels.data[i]
    const grey = 0.299 * image.data[3 * i] + 0.587 * image.data[3 * i + 1] + 0.114 * image.data[3 * i + 2]
    const isKnown = label < classCount
    const isUnknown = label === classCount || label === UNKNOWN_LABEL
    // Ignored pixels are flat: their content is not to be judged.
    const share = isKnown ? opacity : isUnknown ? Math.max(opacity, UNKNOWN_OPACITY) : 1
    for (let c = 0; c < 3; c++)
      output[3 * i + c] = share * colours.data[3 * label + c] + (1 - share) * grey + 0.5
  }
  return tensor(output, image.shape)
}
