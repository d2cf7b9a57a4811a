import { widenHalf } from '../../float16.ts'
import { mapSize, notAMap, type StoredScoreMap, storedMap } from './map-values.ts'
import { inRowOrder, parseNpy } from './npy.ts'

const HINT = 'Expected an .npy file of H×W float16, float32 or float64.'

/**
 * A score map from the bytes of an .npy file: float16, float32 or float64 of either byte and element order; H×W, 1×H×W
 * or H×W×1.
 *
 * @throws DenseHybridError INVALID_FILE naming `path`
 */
export function readNpyScores(path: string, bytes: Buffer): StoredScoreMap {
  const { type, shape, data, fortranOrder } = parseNpy(path, bytes)
  if (!type.startsWith('f')) {
    throw notAMap(path, `its type is ${type}; scores are floating-point numbers`, HINT)
  }
  const size = mapSize(shape)
  if (size === undefined) throw notAMap(path, `its shape is ${shape.join('×') || 'that of a number'}`, HINT)
  const rows = inRowOrder(data, size, fortranOrder)
  if (rows instanceof Float64Array) return storedMap(path, rows, size, 'float64')
  if (rows instanceof Float32Array) return storedMap(path, rows, size, 'float32')
  return storedMap(path, widenHalf(rows as Uint16Array), size, 'float16')
}
