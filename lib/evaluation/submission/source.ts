import { filesByStem } from '../../data/datasets/list-files.ts'
import { DenseHybridError } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import { checkTensor, invalid } from '../../validate.ts'
import { readScoreMap, SCORE_MAP_EXTENSIONS } from '../readers/score-map.ts'
import { readRanges } from '../score-folders.ts'

/** One image of a submission. */
export interface SubmissionImage {
  /** Name that the benchmark gives to the image; folders before it do not count. */
  readonly id: string
  /** H×W, larger = more anomalous. */
  readonly scores: Tensor
}

/** Score maps for a submission: images one after the other, or a folder of score maps. */
export type SubmissionSource<T extends SubmissionImage = SubmissionImage> =
  | string
  | Iterable<T>
  | AsyncIterable<T>

/**
 * The images of a source, checked. Of a folder every score map is read, as `readScoreMap` does; an ending of the image's
 * name such as `_leftImg8bit` stays.
 *
 * @throws DenseHybridError INVALID_ARGUMENT for something else, a bad id, or two images of one id; INVALID_FILE; EMPTY
 */
export async function* submissionImages(
  source: SubmissionSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<SubmissionImage> {
  const given = new Set<string>()
  for await (const image of openSource(source, signal)) {
    const { id, scores } = Object(image) as SubmissionImage
    if (typeof id !== 'string') throw invalid('id', 'the name of an image', id)
    const name = id.slice(id.lastIndexOf('/') + 1)
    checkName('id', name)
    if (given.has(name)) throw invalid('id', 'names that differ', id)
    given.add(name)
    checkTensor(`scores of ${name}`, scores, Float32Array, 2)
    yield { id: name, scores }
  }
  if (given.size > 0) return
  throw new DenseHybridError(
    'EMPTY',
    `${typeof source === 'string' ? source : 'scores'} holds no score maps.`,
  )
}

/** Checks a name that becomes part of a path. */
export function checkName(name: string, value: unknown): void {
  if (typeof value === 'string' && /^[^/\\\0]+$/.test(value) && !value.startsWith('.')) return
  throw invalid(name, 'a name that can be part of a path', value)
}

async function* openSource(
  source: SubmissionSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<SubmissionImage> {
  if (typeof source !== 'string') {
    const isList = typeof source === 'object' && source !== null
    if (!isList || !(Symbol.iterator in source || Symbol.asyncIterator in source)) {
      throw invalid('scores', 'a folder, or images { id, scores }', source)
    }
    yield* source
    return
  }
  if (source === '') throw invalid('scores', 'a folder, or images { id, scores }', source)
  const range = (await readRanges(source)).hybrid
  for (const [id, path] of await filesByStem(source, { extensions: [...SCORE_MAP_EXTENSIONS], signal })) {
    yield { id, scores: await readScoreMap(path, { range, signal }) }
  }
}
