import { promisify } from 'node:util'
import { constants, deflate } from 'node:zlib'
import { DenseHybridError } from '../../errors.ts'
import { narrowToHalf } from '../../float16.ts'
import type { Tensor } from '../../tensor.ts'
import { checkTensor, invalid } from '../../validate.ts'
import { type Hdf5Chunk, hdf5File, MAX_CHUNKS } from './hdf5-file.ts'
import { writeOutput } from './write-file.ts'

/** Chunks along each side, at most: all fit in one node of the file's index. */
const PER_SIDE = Math.sqrt(MAX_CHUNKS)
/** Smaller chunks would hold more headers than scores. */
const MIN_SIDE = 32
const LEVEL = constants.Z_BEST_COMPRESSION

const compress = promisify<Uint8Array, { level: number }, Buffer>(deflate)

/**
 * Writes a score map H×W as the HDF5 file that SegmentMeIfYouCan takes: the dataset `value`, float16, in chunks compressed
 * with gzip 9. Scores are rounded to the nearest float16, ties to even; those beyond ±65504 and infinite ones, at which
 * the benchmark would stop, are cut off there. float16 has 11 significant bits: write logits or log-probabilities, not
 * probabilities near 1. Compression runs off the event loop.
 *
 * @returns the number of scores that were cut off
 * @throws DenseHybridError INVALID_ARGUMENT; NON_FINITE where a score is NaN; IO naming the file
 */
export async function writeHdf5(path: string, scores: Tensor): Promise<number> {
  const [height, width] = checkTensor('scores', scores, Float32Array, 2).shape
  if (height === 0 || width === 0) throw invalid('scores.shape', 'at least one pixel', scores.shape)
  const nan = scores.data.findIndex(Number.isNaN)
  if (nan >= 0) {
    const where = `row ${Math.floor(nan / width)}, column ${nan % width}`
    throw new DenseHybridError('NON_FINITE', `The score at ${where} for ${path} is NaN.`, {
      hint: 'A benchmark cannot rank it: find out which operation made it.',
    })
  }
  const { bits, clamped } = await narrowToHalf(scores.data)
  const chunkShape = [chunkSide(height), chunkSide(width)] as const
  const chunks: Promise<Hdf5Chunk>[] = []
  for (let row = 0; row < height; row += chunkShape[0]) {
    for (let column = 0; column < width; column += chunkShape[1]) {
      const values = chunkOf(bits, [height, width], chunkShape, row, column)
      chunks.push(compress(values, { level: LEVEL }).then((bytes) => ({ row, column, bytes })))
    }
  }
  const dataset = { name: 'value', shape: [height, width] as const, chunkShape, level: LEVEL }
  await writeOutput(path, hdf5File({ ...dataset, chunks: await Promise.all(chunks) }))
  return clamped
}

function chunkSide(side: number): number {
  return Math.min(side, Math.max(MIN_SIDE, Math.ceil(side / PER_SIDE)))
}

/** The bytes of a chunk; what lies beyond the map is 0. */
function chunkOf(
  bits: Uint16Array,
  [height, width]: readonly [number, number],
  chunkShape: readonly [number, number],
  row: number,
  column: number,
): Uint8Array {
  const values = new Uint16Array(chunkShape[0] * chunkShape[1])
  const end = Math.min(width, column + chunkShape[1])
  for (let y = row; y < Math.min(height, row + chunkShape[0]); y++) {
    values.set(bits.subarray(y * width + column, y * width + end), (y - row) * chunkShape[1])
  }
  return new Uint8Array(values.buffer)
}
