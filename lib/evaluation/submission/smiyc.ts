import { basename, dirname, join } from 'node:path'
import { filesByStem } from '../../data/datasets/list-files.ts'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import { writeHdf5 } from '../../scoring/writers/hdf5.ts'
import { checkOptionNames, invalid } from '../../validate.ts'
import { readStoredScoreMap } from '../readers/score-map.ts'
import { checkName, type SubmissionImage, type SubmissionSource, submissionImages } from './source.ts'

/** What {@link writeSmiycSubmission} takes. */
export interface SmiycSubmissionOptions {
  /** Score maps with the benchmark's frame names (`<fid>`): images, or a folder of score maps of one score. */
  readonly scores: SubmissionSource
  /** Folder of the submission, `outputs` in the benchmark; made when missing. */
  readonly out: string
  /** Name of the method. */
  readonly method: string
  /** The benchmark's name of the set: AnomalyTrack-all, ObstacleTrack-all, LostAndFound-test or LostAndFound-train. */
  readonly dataset: string
  readonly signal?: AbortSignal
}

/** What was written. */
export interface SmiycSubmissionResult {
  /** `<out>/anomaly_p/<method>/<dataset>`. */
  readonly folder: string
  readonly images: number
  /** Scores beyond ±65504, which float16 cannot hold and which were cut off. */
  readonly clamped: number
}

/** A submission on disk. */
export interface SmiycSubmission {
  readonly method: string
  readonly dataset: string
  /** Frame names in order. */
  readonly ids: readonly string[]
  /** The maps, in the order of `ids`. */
  read(signal?: AbortSignal): AsyncIterable<SubmissionImage>
}

/**
 * Writes a submission to SegmentMeIfYouCan: `<out>/anomaly_p/<method>/<dataset>/<fid>.hdf5`, as `writeHdf5` does. float16
 * has 11 significant bits: submit logits or log-probabilities, not probabilities near 1.
 *
 * @throws DenseHybridError INVALID_ARGUMENT naming the option or image; NON_FINITE where a score is NaN; EMPTY; NOT_FOUND,
 * INVALID_FILE for a folder of score maps; IO; ABORTED
 *
 * ```ts
 * await writeSmiycSubmission({ scores: 'scores/hybrid', out: 'outputs', method: 'DenseHybrid', dataset: 'AnomalyTrack-all' })
 * ```
 */
export async function writeSmiycSubmission(options: SmiycSubmissionOptions): Promise<SmiycSubmissionResult> {
  checkOptionNames('writeSmiycSubmission', options, ['scores', 'out', 'method', 'dataset', 'signal'])
  const { scores, out, method, dataset, signal } = options
  if (typeof out !== 'string' || out === '') throw invalid('out', 'the path of a folder', out)
  checkName('method', method)
  checkName('dataset', dataset)
  const folder = join(out, 'anomaly_p', method, dataset)
  let images = 0
  let clamped = 0
  for await (const image of submissionImages(scores, signal)) {
    throwIfAborted(signal)
    clamped += await writeHdf5(join(folder, `${image.id}.hdf5`), image.scores)
    images++
  }
  return { folder, images, clamped }
}

/**
 * Opens a submission to SegmentMeIfYouCan. Its score maps can also be evaluated: the folder is one for `openScores`.
 *
 * @param folder `…/anomaly_p/<method>/<dataset>`
 * @throws DenseHybridError NOT_FOUND; EMPTY; while reading INVALID_FILE naming a file that is no float16 map, or holds a
 * value that is not finite, at which the benchmark would stop
 */
export async function readSmiycSubmission(folder: string): Promise<SmiycSubmission> {
  if (typeof folder !== 'string' || folder === '') throw invalid('folder', 'the path of a folder', folder)
  const files = await filesByStem(folder, { extensions: ['.hdf5'] })
  if (files.size === 0) {
    throw new DenseHybridError('EMPTY', `${folder} holds no .hdf5 files.`, {
      hint: 'Give the folder of one method and data set: …/anomaly_p/<method>/<dataset>.',
    })
  }
  return {
    method: basename(dirname(folder)),
    dataset: basename(folder),
    ids: [...files.keys()],
    async *read(signal) {
      for (const [id, path] of files) yield { id, scores: await readFrame(path, signal) }
    },
  }
}

async function readFrame(path: string, signal: AbortSignal | undefined): Promise<SubmissionImage['scores']> {
  const { map, type } = await readStoredScoreMap(path, { signal })
  const hint = 'Write the submission again with writeSmiycSubmission.'
  if (type !== 'float16') {
    throw new DenseHybridError('INVALID_FILE', `${path} holds ${type}; a submission is float16.`, { hint })
  }
  const bad = map.data.findIndex((score) => !Number.isFinite(score))
  if (bad < 0) return map
  const where = `row ${Math.floor(bad / map.shape[1])}, column ${bad % map.shape[1]}`
  throw new DenseHybridError('INVALID_FILE', `${path} holds ${map.data[bad]} at ${where}.`, { hint })
}
