import { extname } from 'node:path'
import { readLabelMap } from '../../data/decode.ts'
import { readBytes } from '../../data/read-bytes.ts'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { mapSize } from './map-values.ts'
import { inRowOrder, parseNpy } from './npy.ts'

/** Extensions of files that {@link readClassMap} reads. */
export const CLASS_MAP_EXTENSIONS: readonly string[] = ['.png', '.npy']

/**
 * Reads a map of labels or classes: a single-channel PNG (see `readLabelMap`), or an `.npy` file of whole numbers of any
 * size, H×W, 1×H×W or H×W×1.
 *
 * @returns H×W, 0 … 255
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE naming a file that is damaged, of another type or shape, or holds a
 * value that is not from 0 to 255; IO; ABORTED
 */
export async function readClassMap(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<Tensor<Uint8Array>> {
  if (extname(path).toLowerCase() !== '.npy') return readLabelMap(path, options)
  const bytes = await readBytes(path, options)
  const { type, shape, data, fortranOrder } = parseNpy(path, bytes)
  const wrong = (reason: string) =>
    new DenseHybridError('INVALID_FILE', `${path} is no label map: ${reason}.`, {
      hint: 'Expected an .npy file of H×W whole numbers from 0 to 255.',
    })
  if (type.startsWith('f')) throw wrong(`its type is ${type}; labels are whole numbers`)
  const size = mapSize(shape)
  if (size === undefined) throw wrong(`its shape is ${shape.join('×') || 'that of a number'}`)
  const rows = inRowOrder(data, size, fortranOrder)
  const labels = new Uint8Array(rows.length)
  for (let i = 0; i < labels.length; i++) {
    const value = Number(rows[i])
    if (value < 0 || value > 255) {
      throw wrong(
        `it holds the value ${value}, first at row ${Math.floor(i / size[1])}, column ${i % size[1]}`,
      )
    }
    labels[i] = value
  }
  throwIfAborted(options.signal)
  return tensor(labels, size)
}
