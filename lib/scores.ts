import type { ScoreName } from './binding/native.ts'
import { checkInteger, checkNumber, checkOneOf, invalid } from './validate.ts'

export type { ScoreName } from './binding/native.ts'

/**
 * The anomaly scores, all from one forward pass; larger = more anomalous.
 *
 * - `hybrid` s_H = ln P(d_out|x) − ln p̂(x)
 * - `discriminative` s_D = ln P(d_out|x)
 * - `generative` s_G = −ln p̂(x) = −logsumexp s (free energy)
 * - `maxSoftmax` −max P(y|x)
 * - `maxLogit` −max s
 * - `entropy` of P(y|x), in nats
 */
export const SCORE_NAMES: readonly ScoreName[] = [
  'hybrid',
  'discriminative',
  'generative',
  'maxSoftmax',
  'maxLogit',
  'entropy',
]

/** Options of `Segmenter#segment`. */
export interface SegmentOptions {
  /** [height, width] of labels and scores. Default: the size of the images. */
  readonly size?: readonly [number, number]
  /** Pixels with a hybrid score above it get label K. Default: the model's own; null: closed-set labels. */
  readonly threshold?: number | null
  /** Default ['hybrid']. */
  readonly scores?: readonly ScoreName[]
  readonly signal?: AbortSignal
}

/** Checks a list of score names; default ['hybrid']; an empty list means labels alone. */
export function checkScores(scores: unknown): readonly ScoreName[] {
  if (scores === undefined) return ['hybrid']
  if (!Array.isArray(scores)) throw invalid('scores', `an array of ${SCORE_NAMES.join(', ')}`, scores)
  for (const [i, score] of scores.entries()) {
    checkOneOf(`scores[${i}]`, score, SCORE_NAMES)
    if (scores.indexOf(score) !== i) throw invalid(`scores[${i}]`, 'every score at most once', score)
  }
  return scores
}

/** Checks an output size [height, width] in pixels. */
export function checkSize(name: string, size: unknown): readonly [number, number] {
  if (!Array.isArray(size) || size.length !== 2) throw invalid(name, '[height, width]', size)
  return [checkInteger(`${name}[0]`, size[0], 1, 65_535), checkInteger(`${name}[1]`, size[1], 1, 65_535)]
}

/** Checks a threshold of the hybrid score; null and undefined mean none. */
export function checkThreshold(threshold: unknown): number | undefined {
  return threshold === undefined || threshold === null ? undefined : checkNumber('threshold', threshold)
}
