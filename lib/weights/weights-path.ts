import type { NativeAddon } from '../binding/native.ts'
import type { SegmenterOptions } from '../model-settings.ts'
import { invalid } from '../validate.ts'
import { imagenetFile } from './fetch-weights.ts'
import type { ImageNetBackbone } from './imagenet-files.ts'

/** The word that stands for torchvision's published weights of an architecture's backbone. */
export const IMAGENET = 'imagenet'

/**
 * The file that `weights` means: a path as it is, or the published weights of the architecture's backbone.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where none are published; as `imagenetFile` does
 */
export async function weightsPath(
  native: NativeAddon,
  options: Pick<SegmenterOptions, 'architecture' | 'weights' | 'onDownload'>,
): Promise<string> {
  const { architecture, weights = '', onDownload } = options
  if (weights !== IMAGENET) return weights
  const known = native.architectures()
  const backbone = known.find(({ name }) => name === architecture)?.backbone
  if (backbone === undefined) {
    const published = known.filter((one) => one.backbone !== undefined).map(({ name }) => name)
    throw invalid(
      'weights',
      `the path of a file, as nobody publishes ImageNet weights for ${architecture}`,
      weights,
      `There are some for ${published.join(', ')}.`,
    )
  }
  return imagenetFile(backbone as ImageNetBackbone, { ...(onDownload && { onProgress: onDownload }) })
}
