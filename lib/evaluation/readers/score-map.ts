import { extname } from 'node:path'
import { readBytes } from '../../data/read-bytes.ts'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import { checkNumber, checkOptionNames, invalid } from '../../validate.ts'
import type { StoredScoreMap } from './map-values.ts'
import { readHdf5Scores } from './score-hdf5.ts'
import { readNpyScores } from './score-npy.ts'
import { readPngScores } from './score-png.ts'
import { readSafetensorsScores } from './score-safetensors.ts'

/** Extensions of files that {@link readScoreMap} reads. */
export const SCORE_MAP_EXTENSIONS: readonly string[] = ['.npy', '.png', '.hdf5', '.h5', '.safetensors']

/** Options of {@link readScoreMap}. */
export interface ScoreMapOptions {
  /**
   * What grey 0 and the highest grey of a PNG stand for; without it the grey value itself is the score. Other formats
   * hold the scores themselves.
   */
  readonly range?: { readonly min: number; readonly max: number }
  readonly signal?: AbortSignal
}

/**
 * Reads a score map by the extension of its file:
 *
 * - `.npy` float16, float32 or float64, of either byte and element order
 * - `.png` grey, 8 or 16 bit
 * - `.hdf5`, `.h5` the dataset `value`, float16, float32 or float64, as SegmentMeIfYouCan takes it
 * - `.safetensors` the only tensor, or the one named `score` or `value`: F16, BF16, F32 or F64
 *
 * Maps may also be 1×H×W or H×W×1. NaN and infinite values pass: the metrics refuse them where they count.
 *
 * @returns H×W; float64 is rounded to the nearest float32
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE naming a file that is damaged, of another format, type or shape, or
 * has a finite value beyond float32; INVALID_ARGUMENT; IO; ABORTED
 */
export async function readScoreMap(path: string, options: ScoreMapOptions = {}): Promise<Tensor> {
  return (await readStoredScoreMap(path, options)).map
}

/** {@link readScoreMap}, with the type that the file has. */
export async function readStoredScoreMap(
  path: string,
  options: ScoreMapOptions = {},
): Promise<StoredScoreMap> {
  checkOptionNames('readScoreMap', options, ['range', 'signal'])
  const { range, signal } = options
  if (range !== undefined) checkRange(range)
  const bytes = await readBytes(path, { signal })
  const stored = await decode(path, bytes, options)
  throwIfAborted(signal)
  return stored
}

async function decode(
  path: string,
  bytes: Buffer,
  { range, signal }: ScoreMapOptions,
): Promise<StoredScoreMap> {
  switch (extname(path).toLowerCase()) {
    case '.npy':
      return readNpyScores(path, bytes)
    case '.png':
      return readPngScores(path, bytes, range)
    case '.hdf5':
    case '.h5':
      return readHdf5Scores(path, bytes, signal)
    case '.safetensors':
      return readSafetensorsScores(path, bytes)
    default:
      throw new DenseHybridError('INVALID_FILE', `${path} has no extension of a score map.`, {
        hint: `Score maps are files that end with ${SCORE_MAP_EXTENSIONS.join(' ')}`,
      })
  }
}

function checkRange(range: unknown): void {
  const { min, max } = Object(range) as { min?: unknown; max?: unknown }
  const low = checkNumber('options.range.min', min)
  const high = checkNumber('options.range.max', max)
  if (!(high > low)) throw invalid('options.range', 'a minimum below the maximum', `${low} to ${high}`)
}
