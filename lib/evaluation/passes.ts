import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { checkScores, type ScoreName } from '../scores.ts'
import { checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { checkConvention, type FprConvention, type ThresholdConvention } from './operating-point.ts'
import type { ScoredImages } from './scored-image.ts'

/** Where a run over images stands. */
export interface EvaluationProgress {
  /** Images done in all passes, and their number. */
  readonly done: number
  readonly total: number
  /** From 1. */
  readonly pass: number
  readonly passes: number
}

/** Options shared by evaluation and calibration. */
export interface PassOptions {
  /** Default: all six scores. */
  readonly detectors?: readonly ScoreName[]
  /** Default 0.95. */
  readonly tpr?: number
  /** Default `a`, the one of DenseHybrid's own evaluation. */
  readonly convention?: ThresholdConvention
  /**
   * Bytes that the sorted scores may take. When the scores of all detectors need more, the images are scored again for
   * the next detectors. Default 1.25 GiB.
   */
  readonly memory?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: EvaluationProgress) => void
}

/** Names of {@link PassOptions}. */
export const PASS_OPTION_NAMES = ['detectors', 'tpr', 'convention', 'memory', 'signal', 'onProgress'] as const

/**
 * Checks what evaluation and calibration share, before any image is read.
 *
 * @throws INVALID_ARGUMENT naming the option
 */
export function checkPassOptions(caller: string, options: PassOptions, names: readonly string[]): void {
  checkOptionNames(caller, options, names)
  const { detectors, tpr = 0.95, convention = 'a', memory } = options
  if (detectors !== undefined) {
    checkScores(detectors)
    if (detectors.length === 0) throw invalid('options.detectors', 'at least one score', detectors)
  }
  checkConvention('options.convention', convention, 'options.tpr', tpr)
  if ((convention as FprConvention) === 'd')
    throw invalid(
      'options.convention',
      'a, b, c, e or f',
      convention,
      'Convention d interpolates and names no threshold.',
    )
  if (memory !== undefined) checkNumber('options.memory', memory, 0)
}

/** Anomaly target by label: 1 unknown, 2 ignore, 0 known. */
const TARGET = Uint8Array.from({ length: 256 }, (_, label) =>
  label === UNKNOWN_LABEL ? 1 : label === IGNORE_LABEL ? 2 : 0,
)

/** What `AnomalyMetrics` takes for labels 0 … K−1, UNKNOWN_LABEL, IGNORE_LABEL. */
export function anomalyTarget(labels: Uint8Array): Uint8Array {
  return labels.map((label) => TARGET[label])
}

/** Detectors whose sorted scores fit the memory together; at least one a group. */
export async function detectorGroups(
  images: ScoredImages,
  detectors: readonly ScoreName[],
  memory = 1.25 * 2 ** 30,
): Promise<ScoreName[][]> {
  if (images.length === 0) throw new DenseHybridError('EMPTY', `${images.name} has no images.`)
  const pixels = images.length * (await images.pixelsPerImage())
  // 12 bytes for each distinct score, of which there are seldom more than 2^24; sorting and the curve take about three
  // times as much for one detector at a time.
  const bytes = 12 * Math.min(pixels, 2 ** 24)
  const size = Math.max(1, Math.floor(memory / Math.max(1, bytes)) - 3)
  const groups: ScoreName[][] = []
  for (let at = 0; at < detectors.length; at += size) groups.push(detectors.slice(at, at + size))
  return groups
}

/** Counts images over all passes and tells the caller. */
export class PassMeter {
  readonly #images: number
  readonly #passes: number
  readonly #onProgress: PassOptions['onProgress']
  #done = 0

  constructor(images: number, passes: number, onProgress: PassOptions['onProgress']) {
    this.#images = images
    this.#passes = passes
    this.#onProgress = onProgress
  }

  /** Takes one image. Throws ABORTED when the signal has fired. */
  step(signal: AbortSignal | undefined): void {
    const pass = Math.floor(this.#done / this.#images) + 1
    this.#done++
    this.#onProgress?.({ done: this.#done, total: this.#images * this.#passes, pass, passes: this.#passes })
    throwIfAborted(signal)
  }
}
