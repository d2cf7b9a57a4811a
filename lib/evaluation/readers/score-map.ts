import { extname } from 'node:path'
import { parse } from 'npyjs'
import sharp from 'sharp'
import { readBytes } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'
import { type Tensor, tensor } from '../../tensor.ts'

/** Extensions of files that {@link readScoreMap} reads. */
export const SCORE_MAP_EXTENSIONS: readonly string[] = ['.npy', '.png']

/**
 * Reads a score map H×W: `.npy` (float16, float32 or float64, also 1×H×W), or grey `.png` (8 or 16 bit).
 *
 * @param range what grey 0 and the highest grey stand for; without it the grey value itself is the score
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE for another type or shape, or a damaged file
 */
export async function readScoreMap(
  path: string,
  options: { range?: { min: number; max: number }; signal?: AbortSignal } = {},
): Promise<Tensor> {
  const bytes = await readBytes(path, { signal: options.signal })
  return extname(path).toLowerCase() === '.npy' ? readNpy(path, bytes) : readPng(path, bytes, options.range)
}

function readNpy(path: string, bytes: Buffer): Tensor {
  const wrong = (what: string, cause?: unknown) =>
    new DenseHybridError('INVALID_FILE', `${path} is no score map: ${what}.`, {
      hint: 'Expected an .npy file of H×W float16, float32 or float64 in C order.',
      cause,
    })
  let array: ReturnType<typeof parse>
  try {
    array = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer)
  } catch (error) {
    throw wrong((error as Error).message, error)
  }
  const shape = array.shape[0] === 1 && array.shape.length === 3 ? array.shape.slice(1) : array.shape
  if (shape.length !== 2 || array.fortranOrder) {
    throw wrong(`its shape is ${array.shape.join('×')}${array.fortranOrder ? ' in Fortran order' : ''}`)
  }
  const { data } = array
  if (!(data instanceof Float32Array || data instanceof Float64Array))
    throw wrong(`its type is ${array.dtype}`)
  if (data.length !== shape[0] * shape[1]) throw wrong('it is truncated')
  return tensor(data instanceof Float32Array ? data : Float32Array.from(data), shape)
}

async function readPng(path: string, bytes: Buffer, range?: { min: number; max: number }): Promise<Tensor> {
  try {
    const image = sharp(bytes, { limitInputPixels: false })
    const { channels, depth } = await image.metadata()
    if (channels !== 1) throw new Error(`it has ${channels} channels`)
    const wide = depth === 'ushort'
    const { data, info } = await image
      .toColourspace(wide ? 'grey16' : 'b-w')
      .raw({ depth: wide ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const grey = wide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data
    const { min, max } = range ?? { min: 0, max: wide ? 65_535 : 255 }
    const step = (max - min) / (wide ? 65_535 : 255)
    return tensor(
      Float32Array.from(grey, (value) => min + value * step),
      [info.height, info.width],
    )
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `${path} is no score map: ${(error as Error).message}.`, {
      hint: 'Expected a grey PNG of 8 or 16 bit.',
      cause: error,
    })
  }
}
