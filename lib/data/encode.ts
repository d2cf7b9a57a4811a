import { dirname } from 'node:path'
import sharp from 'sharp'
import writeFileAtomic from 'write-file-atomic'
import { throwIfAborted } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { checkTensor, invalid } from '../validate.ts'
import { palettePng } from './png-labels.ts'
import { fileError } from './read-bytes.ts'

/**
 * Writes labels H×W as an 8-bit single-channel PNG, atomically. `readLabelMap` returns the same values.
 *
 * @param options.palette 256×3 RGB: the file becomes a palette PNG, which viewers show in these colours. Default: grey
 * @throws DenseHybridError `INVALID_ARGUMENT`; `NOT_FOUND` where the folder is missing; `IO`; `ABORTED`
 */
export async function writeLabelMap(
  path: string,
  labels: Tensor<Uint8Array>,
  options: { palette?: Tensor<Uint8Array>; signal?: AbortSignal } = {},
): Promise<void> {
  checkTensor('labels', labels, Uint8Array, 2)
  const { palette, signal } = options
  if (palette !== undefined) {
    const [colours, channels] = checkTensor('palette', palette, Uint8Array, 2).shape
    if (colours !== 256 || channels !== 3) throw invalid('palette.shape', '256×3', palette.shape)
  }
  await writePng(path, 'labels', labels, 1, signal, palette)
}

/**
 * Writes an RGB image H×W×3 as an 8-bit PNG, atomically.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT`; `NOT_FOUND` where the folder is missing; `IO`; `ABORTED`
 */
export async function writeImage(
  path: string,
  image: Tensor<Uint8Array>,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  checkTensor('image', image, Uint8Array, 3)
  if (image.shape[2] !== 3) throw invalid('image.shape', 'H×W×3', image.shape)
  await writePng(path, 'image', image, 3, options.signal)
}

async function writePng(
  path: string,
  name: string,
  pixels: Tensor<Uint8Array>,
  channels: 1 | 3,
  signal: AbortSignal | undefined,
  palette?: Tensor<Uint8Array>,
): Promise<void> {
  const [height, width] = pixels.shape
  if (height === 0 || width === 0) throw invalid(`${name}.shape`, 'at least one pixel', pixels.shape)
  throwIfAborted(signal)
  const png = await sharp(pixels.data, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer()
  throwIfAborted(signal)
  try {
    await writeFileAtomic(path, palette === undefined ? png : palettePng(png, palette.data))
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw fileError(missing ? dirname(path) : path, error)
  }
}
