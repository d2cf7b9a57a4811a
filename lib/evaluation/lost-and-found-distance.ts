import { join } from 'node:path'
import { DenseHybridError } from '../errors.ts'
import { invalid } from '../validate.ts'
import { distanceFromDisparity, readCamera, readDisparity } from './distance.ts'

/**
 * Distances in an image of Lost and Found, from its disparity map and camera, as `byDistance` takes them:
 * `byDistance((id) => lostAndFoundDistance(root, id))`.
 *
 * Where there is no disparity the distance is NaN, and the pixel belongs to no interval. DenseHybrid's code gives such
 * pixels the largest distance of the image instead, so that its farthest interval has more pixels.
 *
 * @param root folder of Lost and Found; holds `disparity/…/ID_disparity.png` and `camera/…/ID_camera.json`
 * @param id of a sample of `lost-and-found:`, e.g. `test/02_Hanns_Klemm_Str_44/02_Hanns_Klemm_Str_44_000000_000020`
 * @returns H×W metres
 * @throws DenseHybridError `INVALID_ARGUMENT` for another id; `NOT_FOUND` and `INVALID_FILE` naming the file
 */
export async function lostAndFoundDistance(root: string, id: string): Promise<Float32Array> {
  if (typeof root !== 'string' || root === '') throw invalid('root', 'the folder of Lost and Found', root)
  if (typeof id !== 'string' || !/^(?:train|test)\/(?!\.)[^/\\]+\/(?!\.)[^/\\]+$/.test(id)) {
    throw invalid('id', 'the id of an image of Lost and Found, SPLIT/SCENE/NAME', id)
  }
  try {
    const [disparity, camera] = await Promise.all([
      readDisparity(join(root, 'disparity', `${id}_disparity.png`)),
      readCamera(join(root, 'camera', `${id}_camera.json`)),
    ])
    return distanceFromDisparity(disparity, camera)
  } catch (error) {
    if (!(error instanceof DenseHybridError) || error.code !== 'NOT_FOUND') throw error
    throw new DenseHybridError('NOT_FOUND', error.message, {
      hint: 'The folders disparity and camera are archives of their own: unpack them beside leftImg8bit.',
      cause: error,
    })
  }
}
