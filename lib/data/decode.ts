import sharp, { type Sharp } from 'sharp'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { plainPng } from './png-labels.ts'
import { readBytes } from './read-bytes.ts'

export { writeImage, writeLabelMap } from './encode.ts'

/** File name extensions of the image formats that can be decoded, lower case. */
export const IMAGE_EXTENSIONS: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.png',
  '.webp',
  '.tif',
  '.tiff',
  '.avif',
  '.gif',
]

/**
 * Decodes an image file, off the event loop.
 *
 * Grey becomes RGB, alpha is removed (colours stay as stored), 16-bit samples are divided by 256, CMYK is converted,
 * the EXIF orientation is applied, and of an animation the first frame is taken.
 *
 * @returns H×W×3 RGB
 * @throws DenseHybridError `NOT_FOUND`; `INVALID_FILE` naming the file where it is empty, truncated or no image; `IO`;
 * `ABORTED`
 */
export async function readImage(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<Tensor<Uint8Array>> {
  const bytes = await readBytes(path, options)
  const decoded = await decodePixels(bytes, path, (image) =>
    image.autoOrient().removeAlpha().toColourspace('srgb'),
  )
  throwIfAborted(options.signal)
  return tensor(decoded.data, [decoded.height, decoded.width, 3])
}

/**
 * Reads the exact values of a label map: an 8-bit (or 1, 2, 4-bit) single-channel PNG, or the indices of a palette PNG.
 * Gamma, colour profiles and EXIF orientation do not touch them.
 *
 * @returns H×W
 * @throws DenseHybridError `NOT_FOUND`; `INVALID_FILE` naming the file where it is empty, truncated, no PNG, 16-bit or a
 * colour image; `IO`; `ABORTED`
 */
export async function readLabelMap(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<Tensor<Uint8Array>> {
  const { png, bitDepth } = plainPng(await readBytes(path, options), path)
  const { data, width, height } = await decodePixels(png, path, (image) => image.toColourspace('b-w'))
  throwIfAborted(options.signal)
  const widening = 255 / (2 ** bitDepth - 1)
  if (widening > 1) for (let i = 0; i < data.length; i++) data[i] /= widening
  return tensor(data, [height, width])
}

async function decodePixels(
  bytes: Buffer,
  path: string,
  convert: (image: Sharp) => Sharp,
): Promise<{ data: Uint8Array; width: number; height: number }> {
  try {
    const image = convert(sharp(bytes, { failOn: 'error' }))
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
      width: info.width,
      height: info.height,
    }
  } catch (error) {
    throw decodeError(bytes, path, error as Error)
  }
}

function decodeError(bytes: Buffer, path: string, error: Error): DenseHybridError {
  if (bytes.subarray(0, 64).toString('latin1').startsWith('version https://git-lfs')) {
    return new DenseHybridError('INVALID_FILE', `${path} is a Git LFS pointer, not an image.`, {
      cause: error,
      hint: 'Run git lfs pull in the repository it came from.',
    })
  }
  const reason = error.message.split('\n')[0]
  if (reason.includes('unsupported image format')) {
    return new DenseHybridError(
      'INVALID_FILE',
      `${path} is not an image of a known format, or it is truncated.`,
      {
        cause: error,
        hint: `Known formats: ${IMAGE_EXTENSIONS.join(' ')}`,
      },
    )
  }
  const tooLarge = reason.includes('pixel limit')
  return new DenseHybridError('INVALID_FILE', `${path} cannot be decoded: ${reason}.`, {
    cause: error,
    hint: tooLarge
      ? 'Images hold at most 268 million pixels: cut it into tiles.'
      : 'The file is truncated or damaged: copy or export it again.',
  })
}
