import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import { AnomalyMetrics, type AnomalyResult } from './anomaly.ts'
import { type Calibration, calibrateThreshold } from './calibrate.ts'
import { ConfusionMatrix } from './confusion.ts'
import { OpenSetMetrics, type OpenSetResult } from './open-set.ts'
import type { FprConvention } from './operating-point.ts'
import type { ScoredImage, ScoredImages } from './scored-image.ts'

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
  readonly convention?: Exclude<FprConvention, 'd'>
  /**
   * Bytes that the sorted scores may take. When the scores of all detectors need more, the images are scored again for
   * the next detectors. Default 1 GiB.
   */
  readonly memory?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: EvaluationProgress) => void
}

/** Options of {@link evaluateImages}. */
export interface EvaluationOptions extends PassOptions {
  /** Calibrated elsewhere, by detector. A detector without one is calibrated on the evaluated images themselves. */
  readonly thresholds?: Partial<Readonly<Record<ScoreName, number>>>
  /** τ of the hybrid score that the open-set result is for. Default: its threshold at `tpr`. */
  readonly threshold?: number
  /** Known classes that do not occur. Default `skip`. */
  readonly absent?: 'skip' | 'zero'
  /** Also measure every image by itself. Default false. */
  readonly perImage?: boolean
}

/** One detector, i.e. one of the scores. */
export interface DetectorResult extends AnomalyResult {
  readonly detector: ScoreName
  /** What is rejected with this score at its calibrated threshold; absent without class labels or without threshold. */
  readonly openSet?: OperatingResult
}

/** Open-set segmentation at one threshold. */
export interface OperatingResult extends OpenSetResult {
  readonly detector: ScoreName
  /** Pixels with score > threshold are unknown. */
  readonly threshold: number
  /** `given`: from the caller; `self`: calibrated on the evaluated images, which favours the detector. */
  readonly thresholdFrom: 'given' | 'self'
}

/** One image by itself; values that need pixels which are not there are NaN. */
export interface ImageResult
  extends Pick<AnomalyResult, 'ap' | 'auroc' | 'fpr' | 'positives' | 'negatives' | 'reason'> {
  readonly image: string
  readonly detector: ScoreName
}

/** Everything measured on one set of images. */
export interface Evaluation {
  readonly data: string
  readonly images: number
  readonly classes: readonly string[]
  readonly convention: FprConvention
  readonly tpr: number
  readonly detectors: readonly DetectorResult[]
  /** mIoU of the closed-set prediction on pixels of known classes; absent without class labels. */
  readonly closedMIoU?: number
  /** Open-set segmentation with the hybrid score at τ; absent without class labels or without threshold. */
  readonly openSet?: OperatingResult
  readonly perImage?: readonly ImageResult[]
}

/** Anomaly target by label: 1 unknown, 2 ignore, 0 known. */
const TARGET = Uint8Array.from({ length: 256 }, (_, label) =>
  label === UNKNOWN_LABEL ? 1 : label === IGNORE_LABEL ? 2 : 0,
)

/**
 * Measures anomaly detection and open-set segmentation of every detector on a set of images.
 *
 * The images are read at least once. They are read once more when a threshold has to be found on them first, and once
 * more for every further group of detectors whose sorted scores do not fit `memory`; scores are then computed again,
 * nothing is kept on disk.
 *
 * @throws DenseHybridError INVALID_ARGUMENT, NON_FINITE, ABORTED; EMPTY where there is no image
 */
export async function evaluateImages(
  images: ScoredImages,
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const { tpr = 0.95, convention = 'a', absent = 'skip', thresholds = {}, signal } = options
  const detectors = options.detectors ?? SCORE_NAMES
  const groups = await detectorGroups(images, detectors, options.memory)
  const known = images.classes.length
  const points: OperatingPoints = new Map()
  for (const detector of detectors) {
    const threshold = thresholds[detector]
    if (known > 0 && threshold !== undefined)
      points.set(detector, newPoint(images, absent, threshold, 'given'))
  }
  const extra =
    options.threshold === undefined || known === 0
      ? undefined
      : newPoint(images, absent, options.threshold, 'given')
  const needsSecondPass = known > 0 && detectors.some((detector) => thresholds[detector] === undefined)
  const meter = new PassMeter(images.length, groups.length + (needsSecondPass ? 1 : 0), options.onProgress)
  const closed = new ConfusionMatrix(Math.max(1, known), { ignore: [UNKNOWN_LABEL, IGNORE_LABEL] })
  const results = new Map<ScoreName, AnomalyResult>()
  const perImage: ImageResult[] = []

  for (const [pass, group] of groups.entries()) {
    const metrics = new Map(group.map((detector) => [detector, new AnomalyMetrics({ tpr, convention })]))
    const withHybrid = pass === 0 && extra !== undefined && !group.includes('hybrid')
    for await (const image of images.read(withHybrid ? [...group, 'hybrid'] : group, signal)) {
      const target = image.labels.map((label) => TARGET[label])
      for (const [detector, metric] of metrics) {
        metric.add(image.scores[detector], target, image.id)
        if (options.perImage) perImage.push(measureImage(image, detector, target, { tpr, convention }))
        addOpenSet(points.get(detector), image, detector)
      }
      if (pass === 0) {
        if (known > 0 && image.closed !== undefined) closed.add(image.labels, image.closed, image.id)
        addOpenSet(extra, image, 'hybrid')
      }
      meter.step(signal)
    }
    for (const [detector, metric] of metrics) results.set(detector, metric.result())
  }

  if (needsSecondPass) {
    const selfPoints: OperatingPoints = new Map()
    for (const detector of detectors) {
      const { threshold } = results.get(detector)!
      if (points.has(detector) || !Number.isFinite(threshold)) continue
      selfPoints.set(detector, newPoint(images, absent, threshold, 'self'))
    }
    if (selfPoints.size > 0) {
      for await (const image of images.read([...selfPoints.keys()], signal)) {
        for (const [detector, point] of selfPoints) addOpenSet(point, image, detector)
        meter.step(signal)
      }
    }
    for (const [detector, point] of selfPoints) points.set(detector, point)
  }

  const hybridPoint = extra ?? points.get('hybrid')
  const hasClosed = closed.result().pixels > 0
  return {
    data: images.name,
    images: images.length,
    classes: images.classes,
    convention,
    tpr,
    detectors: detectors.map((detector) => {
      const openSet = finishPoint(points.get(detector), detector)
      return { detector, ...results.get(detector)!, ...(openSet === undefined ? {} : { openSet }) }
    }),
    ...(hasClosed ? { closedMIoU: closedMean(closed, absent) } : {}),
    ...(hybridPoint === undefined || !hasClosed ? {} : { openSet: finishPoint(hybridPoint, 'hybrid') }),
    ...(options.perImage ? { perImage } : {}),
  }
}

/**
 * The threshold of every detector at a TPR.
 *
 * @throws DenseHybridError EMPTY where no pixel is an anomaly; INVALID_ARGUMENT, NON_FINITE, ABORTED
 */
export async function calibrateImages(
  images: ScoredImages,
  options: PassOptions = {},
): Promise<Record<string, Calibration>> {
  const { tpr = 0.95, convention = 'a', signal } = options
  const groups = await detectorGroups(images, options.detectors ?? SCORE_NAMES, options.memory)
  const meter = new PassMeter(images.length, groups.length, options.onProgress)
  const calibrations: Record<string, Calibration> = {}
  for (const group of groups) {
    const metrics = new Map(group.map((detector) => [detector, new AnomalyMetrics({ tpr, convention })]))
    for await (const image of images.read(group, signal)) {
      const target = image.labels.map((label) => TARGET[label])
      for (const [detector, metric] of metrics) metric.add(image.scores[detector], target, image.id)
      meter.step(signal)
    }
    for (const [detector, metric] of metrics)
      calibrations[detector] = calibrateThreshold(metric, { tpr, convention })
  }
  return calibrations
}

type OperatingPoints = Map<ScoreName, OpenPoint>

interface OpenPoint {
  readonly threshold: number
  readonly thresholdFrom: 'given' | 'self'
  readonly metrics: OpenSetMetrics
}

function newPoint(
  { classes }: ScoredImages,
  absent: 'skip' | 'zero',
  threshold: number,
  thresholdFrom: 'given' | 'self',
): OpenPoint {
  return { threshold, thresholdFrom, metrics: new OpenSetMetrics({ classes, absent }) }
}

function addOpenSet(point: OpenPoint | undefined, image: ScoredImage, detector: ScoreName): void {
  if (point === undefined || image.closed === undefined) return
  const { labels, closed } = image
  const scores = image.scores[detector]
  const unknown = point.metrics.classes.length
  const open = closed.map((label, i) => (scores[i] > point.threshold ? unknown : label))
  point.metrics.add({ labels, closed, open }, image.id)
}

function finishPoint(point: OpenPoint | undefined, detector: ScoreName): OperatingResult | undefined {
  if (point === undefined) return undefined
  const { threshold, thresholdFrom, metrics } = point
  return { detector, threshold, thresholdFrom, ...metrics.result() }
}

function closedMean(closed: ConfusionMatrix, absent: 'skip' | 'zero'): number {
  if (absent === 'skip') return closed.meanIoU()
  const iou = closed.iou()
  return iou.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0) / iou.length
}

function measureImage(
  image: ScoredImage,
  detector: ScoreName,
  target: Uint8Array,
  options: { tpr: number; convention: FprConvention },
): ImageResult {
  const metrics = new AnomalyMetrics(options).add(image.scores[detector], target, image.id)
  const { ap, auroc, fpr, positives, negatives, reason } = metrics.result()
  return {
    image: image.id,
    detector,
    ap,
    auroc,
    fpr,
    positives,
    negatives,
    ...(reason === undefined ? {} : { reason }),
  }
}

/** Detectors whose sorted scores fit the memory together; at least one a group. */
async function detectorGroups(
  images: ScoredImages,
  detectors: readonly ScoreName[],
  memory = 2 ** 30,
): Promise<ScoreName[][]> {
  if (images.length === 0) throw new DenseHybridError('EMPTY', `${images.name} has no images.`)
  const pixels = images.length * (await images.pixelsPerImage())
  // 12 bytes for each distinct score, of which there are seldom more than 2^24, and as much again while sorting.
  const bytes = 12 * Math.min(pixels, 2 ** 24)
  const size = Math.max(1, Math.floor(memory / Math.max(1, bytes)) - 1)
  const groups: ScoreName[][] = []
  for (let at = 0; at < detectors.length; at += size) groups.push(detectors.slice(at, at + size))
  return groups
}

/** Counts images over all passes. */
class PassMeter {
  readonly #images: number
  readonly #passes: number
  readonly #onProgress: PassOptions['onProgress']
  #done = 0

  constructor(images: number, passes: number, onProgress: PassOptions['onProgress']) {
    this.#images = images
    this.#passes = passes
    this.#onProgress = onProgress
  }

  step(signal: AbortSignal | undefined): void {
    const pass = Math.floor(this.#done / this.#images) + 1
    this.#done++
    this.#onProgress?.({ done: this.#done, total: this.#images * this.#passes, pass, passes: this.#passes })
    throwIfAborted(signal)
  }
}
