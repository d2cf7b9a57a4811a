import { join } from 'node:path'
import { dump } from 'npyjs'
import { filesByStem } from '../../data/datasets/list-files.ts'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import { writeNpy } from '../../scoring/writers/npy.ts'
import { writeOutput } from '../../scoring/writers/write-file.ts'
import type { Tensor } from '../../tensor.ts'
import { checkOptionNames, checkTensor, invalid } from '../../validate.ts'
import { checkNoneMissing, withoutSuffix } from '../match-names.ts'
import { readClassMap } from '../readers/class-map.ts'
import { readScoreMap } from '../readers/score-map.ts'
import { checkName, type SubmissionImage } from './source.ts'

/** Highest class in a segmentation: 19 classes of Cityscapes, and one for the rest. */
const MAX_CLASS = 19
const SCORES = '_anomaly'
const CLASSES = '_segmentation'

/** One image of a Fishyscapes submission. */
export interface FishyscapesImage extends SubmissionImage {
  /** Closed-set prediction H×W, 0 … 19. */
  readonly closed: Tensor<Uint8Array>
}

/** What {@link writeFishyscapesSubmission} takes. */
export interface FishyscapesSubmissionOptions {
  /** Images whose ids begin with the benchmark's number, e.g. `0003_04_Maurener_Weg_8_000000_000030`. */
  readonly images: Iterable<FishyscapesImage> | AsyncIterable<FishyscapesImage>
  /** Folder of the files; made when missing. */
  readonly out: string
  readonly signal?: AbortSignal
}

/** A submission on disk. */
export interface FishyscapesSubmission {
  /** Names without `_anomaly`, in the benchmark's order: by the number before the first `_`. */
  readonly ids: readonly string[]
  /** The maps, in the order of `ids`. */
  read(signal?: AbortSignal): AsyncIterable<FishyscapesImage>
}

/**
 * Writes what a Fishyscapes submission produces: of every image `<id>_anomaly.npy` (float32 H×W, exact) and
 * `<id>_segmentation.npy` (uint8 H×W). All images have one size, 1024×2048 in the benchmark.
 *
 * @returns the number of images
 * @throws DenseHybridError INVALID_ARGUMENT naming an image with a bad id, size or class; NON_FINITE; EMPTY; IO; ABORTED
 */
export async function writeFishyscapesSubmission(options: FishyscapesSubmissionOptions): Promise<number> {
  checkOptionNames('writeFishyscapesSubmission', options, ['images', 'out', 'signal'])
  const { images, out, signal } = options
  if (typeof out !== 'string' || out === '') throw invalid('out', 'the path of a folder', out)
  const list = typeof images === 'object' && images !== null
  if (!list || !(Symbol.iterator in images || Symbol.asyncIterator in images)) {
    throw invalid('images', 'images { id, scores, closed }', images)
  }
  const numbers = new Map<number, string>()
  let size: readonly number[] | undefined
  for await (const image of images) {
    throwIfAborted(signal)
    const { id, scores, closed } = Object(image) as FishyscapesImage
    checkName('id', id)
    const number = numberOf(id)
    if (number === undefined) throw invalid('id', 'a number, and _ after it if more follows,', id)
    if (numbers.has(number)) throw invalid('id', `a number other than that of ${numbers.get(number)}`, id)
    numbers.set(number, id)
    size ??= scores?.shape ?? []
    checkImage({ id, scores, closed }, size)
    await writeNpy(join(out, `${id}${SCORES}.npy`), scores)
    const classes = Buffer.from(dump(new Uint8Array(closed.data), [...closed.shape]))
    await writeOutput(join(out, `${id}${CLASSES}.npy`), classes)
  }
  if (numbers.size === 0) throw new DenseHybridError('EMPTY', 'images holds no image.')
  return numbers.size
}

/**
 * Opens a Fishyscapes submission. It can also be evaluated: the folder is one for `scores` and `predictions` of
 * `openScores`.
 *
 * @throws DenseHybridError NOT_FOUND naming the missing folder, or segmentations; EMPTY; INVALID_FILE for a file name
 * without number or two with the same one; while reading INVALID_FILE naming the file that is damaged, differs in size,
 * or has a class above 19
 */
export async function readFishyscapesSubmission(folder: string): Promise<FishyscapesSubmission> {
  if (typeof folder !== 'string' || folder === '') throw invalid('folder', 'the path of a folder', folder)
  const files = await filesByStem(folder, { extensions: ['.npy'] })
  const scores = withoutSuffix(files, SCORES)
  const classes = withoutSuffix(files, CLASSES)
  if (scores.size === 0) {
    throw new DenseHybridError('EMPTY', `${folder} holds no files that end with ${SCORES}.npy.`)
  }
  const pathOf = (id: string) => join(folder, `${id}${CLASSES}.npy`)
  checkNoneMissing('segmentation', scores.keys(), classes, pathOf, 'Every image needs both files.')
  const ids = inOrder(scores)
  return {
    ids,
    async *read(signal) {
      for (const id of ids) yield await readImage(id, scores.get(id)!, classes.get(id)!, signal)
    },
  }
}

async function readImage(
  id: string,
  scorePath: string,
  classPath: string,
  signal: AbortSignal | undefined,
): Promise<FishyscapesImage> {
  const scores = await readScoreMap(scorePath, { signal })
  const closed = await readClassMap(classPath, { signal })
  const wrong = (reason: string) => new DenseHybridError('INVALID_FILE', `${classPath} ${reason}.`)
  if (closed.shape.join() !== scores.shape.join()) {
    throw wrong(`is ${closed.shape.join('×')} but its anomaly map is ${scores.shape.join('×')}`)
  }
  const bad = closed.data.find((label) => label > MAX_CLASS)
  if (bad !== undefined) throw wrong(`holds the class ${bad}; classes are 0 to ${MAX_CLASS}`)
  return { id, scores, closed }
}

function checkImage({ id, scores, closed }: FishyscapesImage, size: readonly number[]): void {
  checkTensor(`scores of ${id}`, scores, Float32Array, 2)
  checkTensor(`closed of ${id}`, closed, Uint8Array, 2)
  for (const [name, { shape }] of Object.entries({ scores, closed })) {
    if (shape.join() !== size.join()) {
      throw invalid(`${name}.shape of ${id}`, `the size of all images, ${size.join('×')}`, shape)
    }
  }
  const bad = closed.data.find((label) => label > MAX_CLASS)
  if (bad !== undefined) throw invalid(`closed of ${id}`, `classes from 0 to ${MAX_CLASS}`, bad)
  const pixel = scores.data.findIndex((score) => !Number.isFinite(score))
  if (pixel < 0) return
  throw new DenseHybridError('NON_FINITE', `The score of ${id} at pixel ${pixel} is ${scores.data[pixel]}.`, {
    hint: 'The benchmark does not check scores and would rank it wrongly.',
  })
}

function inOrder(files: ReadonlyMap<string, string>): string[] {
  const numbers = new Map<number, string>()
  for (const [id, path] of files) {
    const number = numberOf(id)
    const other = number === undefined ? undefined : numbers.get(number)
    if (number === undefined || other !== undefined) {
      const reason = number === undefined ? 'does not begin with a number' : `has the number of ${other}`
      throw new DenseHybridError('INVALID_FILE', `${path} ${reason}.`, {
        hint: 'Files are <number>_…_anomaly.npy, and ordered by the number.',
      })
    }
    numbers.set(number, id)
  }
  return [...numbers].sort(([a], [b]) => a - b).map(([, id]) => id)
}

/** The number before the first `_`. */
function numberOf(id: string): number | undefined {
  const digits = /^\d+(?=_|$)/.exec(id)?.[0]
  return digits === undefined ? undefined : Number(digits)
}
