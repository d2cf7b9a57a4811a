import sharp from 'sharp'
import { readBytes, readJson } from '../data/read-bytes.ts'
import { DenseHybridError } from '../errors.ts'
import { checkNumber } from '../validate.ts'

/** A stereo camera: baseline in metres, focal lengths in pixels. */
export interface StereoCamera {
  readonly baseline: number
  readonly fx: number
  readonly fy: number
}

/**
 * Distance from 16-bit disparity as Cityscapes and Lost and Found store it: baseline · mean(fx, fy) / (disparity / 256).
 *
 * @param disparity 256 · pixels; 0 = none
 * @returns metres; NaN where there is no disparity
 */
export function distanceFromDisparity(disparity: Uint16Array, camera: StereoCamera): Float32Array {
  const { baseline, fx, fy } = camera
  for (const [name, value] of Object.entries({ baseline, fx, fy })) checkNumber(`camera.${name}`, value, 1e-9)
  const scale = (baseline * (fx + fy) * 256) / 2
  return Float32Array.from(disparity, (value) => (value === 0 ? Number.NaN : scale / value))
}

/**
 * Reads a disparity map: a grey PNG of 16 bit.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE for another type
 */
export async function readDisparity(path: string): Promise<Uint16Array> {
  const bytes = await readBytes(path)
  try {
    const image = sharp(bytes, { limitInputPixels: false })
    const { channels, depth } = await image.metadata()
    if (channels !== 1 || depth !== 'ushort') throw new Error(`it has ${channels} channels of type ${depth}`)
    const data = await image.toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer()
    return new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength))
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `${path} is no disparity map: ${(error as Error).message}.`, {
      hint: 'Expected a grey PNG of 16 bit.',
      cause: error,
    })
  }
}

/**
 * Reads the camera of a Cityscapes-like layout: JSON with `extrinsic.baseline`, `intrinsic.fx` and `intrinsic.fy`.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE where a number is missing
 */
export async function readCamera(path: string): Promise<StereoCamera> {
  const json = (await readJson(path)) as {
    extrinsic?: { baseline?: unknown }
    intrinsic?: { fx?: unknown; fy?: unknown }
  }
  const values = { baseline: json?.extrinsic?.baseline, fx: json?.intrinsic?.fx, fy: json?.intrinsic?.fy }
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'number' && value > 0) continue
    throw new DenseHybridError('INVALID_FILE', `${path} has no positive number ${name}.`, {
      hint: 'Expected { "extrinsic": { "baseline" }, "intrinsic": { "fx", "fy" } }.',
    })
  }
  return values as unknown as StereoCamera
}
