import { withAbort } from '../../data/concurrency.ts'
import { checkKind } from './file-kind.ts'
import { decodeInThread } from './hdf5-thread.ts'
import { mapSize, notAMap, type StoredScoreMap, storedMap } from './map-values.ts'

const HINT = 'Expected an HDF5 file with one dataset named value, H×W float16, float32 or float64.'
const TYPES = { 2: 'float16', 4: 'float32', 8: 'float64' } as const

/**
 * A score map from the bytes of an HDF5 file as SegmentMeIfYouCan takes it: the dataset `value`, H×W or 1×H×W, with any
 * chunks and the filters gzip, shuffle and Fletcher-32.
 *
 * @throws DenseHybridError INVALID_FILE naming `path`; ABORTED
 */
export async function readHdf5Scores(
  path: string,
  bytes: Buffer,
  signal: AbortSignal | undefined,
): Promise<StoredScoreMap> {
  checkKind(path, bytes, 'an HDF5 file')
  const answer = await withAbort(decodeInThread(bytes), signal)
  if ('reason' in answer) throw notAMap(path, answer.reason, HINT)
  const { values, shape, size } = answer
  const extents = mapSize(shape)
  if (extents === undefined) throw notAMap(path, `its shape is ${shape.join('×')}`, HINT)
  return storedMap(path, values, extents, TYPES[size as keyof typeof TYPES])
}
