import type { ScoreName } from '../binding/native.ts'
import { checkScores, checkThreshold } from '../scores.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from '../validate.ts'

/**
 * - `npy` score maps as float32 (exact)
 * - `png16` score maps as 16-bit grey of a fixed range, see `scores.json`
 * - `hdf5` score maps as float16, as SegmentMeIfYouCan takes them, see `writeHdf5`
 * - `labels` open-set labels as 8-bit PNG, K = unknown
 * - `overlay` panels image | closed-set | hybrid score | open-set
 */
export type ScoreFormat = 'png16' | 'npy' | 'hdf5' | 'overlay' | 'labels'

/** The formats by name, for validation and help texts. */
export const SCORE_FORMATS: readonly ScoreFormat[] = ['png16', 'npy', 'hdf5', 'overlay', 'labels']

/** Options of {@link Scorer}. */
export interface ScorerOptions {
  /** Folder of the results; made when missing. */
  readonly out: string
  /** Default ['png16', 'labels']. */
  readonly formats?: readonly ScoreFormat[]
  /** Scores that are written. Default ['hybrid']. */
  readonly scores?: readonly ScoreName[]
  /** Of the hybrid score, for labels and overlays. Default: the model's own; null: closed-set labels. */
  readonly threshold?: number | null
  /** Images are reduced to at most this many pixels a side; results have the reduced size. */
  readonly maxSide?: number
  /** Images in work at the same time (one is read, one computed, one written). Default 3. */
  readonly concurrency?: number
  /** Also score what an earlier run finished. Default false. */
  readonly overwrite?: boolean
  /** Names of results are paths relative to it. Default: the deepest folder with all inputs. */
  readonly root?: string
  /** Colour scale of the overlays. Default: threshold ± 10, or [−25, 5] without one. */
  readonly overlayRange?: readonly [number, number]
}

/** Checked options with their defaults. */
export type ResolvedScorerOptions = Required<Omit<ScorerOptions, 'threshold' | 'maxSide' | 'root'>> & {
  readonly threshold: number | undefined
  readonly maxSide: number | undefined
  readonly root: string | undefined
}

const OPTION_NAMES = [
  'out',
  'formats',
  'scores',
  'threshold',
  'maxSide',
  'concurrency',
  'overwrite',
  'root',
  'overlayRange',
] as const satisfies readonly (keyof ScorerOptions)[]

/**
 * Checks the options of a scorer. Throws INVALID_ARGUMENT naming the option.
 *
 * @param modelThreshold the model's own threshold
 */
export function resolveScorerOptions(
  options: ScorerOptions,
  modelThreshold: number | undefined,
): ResolvedScorerOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object with out', options)
  checkOptionNames('Scorer', options, OPTION_NAMES)
  const { out, root, overwrite = false } = options
  if (typeof out !== 'string' || out === '') throw invalid('out', 'the path of a folder', out)
  if (root !== undefined && (typeof root !== 'string' || root === ''))
    throw invalid('root', 'the path of a folder', root)
  if (typeof overwrite !== 'boolean') throw invalid('overwrite', 'true or false', overwrite)
  const threshold = checkThreshold(options.threshold === undefined ? modelThreshold : options.threshold)
  const scores = checkScores(options.scores)
  if (scores.length === 0) throw invalid('scores', 'at least one score', scores)
  return {
    out,
    formats: checkFormats(options.formats ?? ['png16', 'labels']),
    scores,
    threshold,
    maxSide: options.maxSide === undefined ? undefined : checkInteger('maxSide', options.maxSide, 32, 65_535),
    concurrency: checkInteger('concurrency', options.concurrency ?? 3, 1, 64),
    overwrite,
    root,
    overlayRange: checkRange(
      options.overlayRange ?? (threshold === undefined ? [-25, 5] : [threshold - 10, threshold + 10]),
    ),
  }
}

function checkFormats(formats: unknown): readonly ScoreFormat[] {
  if (!Array.isArray(formats) || formats.length === 0) {
    throw invalid('formats', `an array with some of ${SCORE_FORMATS.join(', ')}`, formats)
  }
  for (const [i, format] of formats.entries()) checkOneOf(`formats[${i}]`, format, SCORE_FORMATS)
  return [...new Set(formats)]
}

function checkRange(range: unknown): readonly [number, number] {
  if (!Array.isArray(range) || range.length !== 2) throw invalid('overlayRange', '[min, max]', range)
  const min = checkNumber('overlayRange[0]', range[0])
  const max = checkNumber('overlayRange[1]', range[1])
  if (!(max > min)) throw invalid('overlayRange', 'a minimum below the maximum', range)
  return [min, max]
}
