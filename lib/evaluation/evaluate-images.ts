import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import { AnomalyMetrics, type AnomalyResult } from './anomaly.ts'
import { type Calibration, calibrateThreshold } from './calibrate.ts'
import { ConfusionMatrix } from './confusion.ts'
import { OpenSetMetrics, type OpenSetResult } from './open-set.ts'
import type { FprConvention, ThresholdConvention } from './operating-point.ts'
import { anomalyTarget, detectorGroups, PassMeter, type PassOptions } from './passes.ts'
import type { ScoredImage, ScoredImages } from './scored-image.ts'

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
  const groups = await detectorGroups(images, options.detectors ?? SCORE_NAMES, options.memory)
  const run = new EvaluationRun(images, options, groups.length)
  for (const [pass, group] of groups.entries()) await run.measureDetectors(group, pass === 0)
  await run.measureOwnThresholds()
  return run.result()
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
      const target = anomalyTarget(image.labels)
      for (const [detector, metric] of metrics) metric.add(image.scores[detector], target, image.id)
      meter.step(signal)
    }
    for (const [detector, metric] of metrics)
      calibrations[detector] = calibrateThreshold(metric, { tpr, convention })
  }
  return calibrations
}

/** Open-set metrics at one threshold of one score. */
interface OpenPoint {
  readonly detector: ScoreName
  readonly threshold: number
  readonly thresholdFrom: 'given' | 'self'
  readonly metrics: OpenSetMetrics
}

/** The passes of one evaluation and what they have found. */
class EvaluationRun {
  readonly #images: ScoredImages
  readonly #options: EvaluationOptions
  readonly #detectors: readonly ScoreName[]
  readonly #settings: { readonly tpr: number; readonly convention: ThresholdConvention }
  readonly #meter: PassMeter
  readonly #closed: ConfusionMatrix
  readonly #results = new Map<ScoreName, AnomalyResult>()
  /** One for each detector whose threshold is known. */
  readonly #points = new Map<ScoreName, OpenPoint>()
  /** The hybrid score at the caller's τ. */
  readonly #chosen: OpenPoint | undefined
  readonly #perImage: ImageResult[] = []

  constructor(images: ScoredImages, options: EvaluationOptions, groups: number) {
    const { detectors = SCORE_NAMES, tpr = 0.95, convention = 'a', thresholds = {}, threshold } = options
    this.#images = images
    this.#options = options
    this.#detectors = detectors
    this.#settings = { tpr, convention }
    const labelled = images.classes.length > 0
    for (const detector of detectors) {
      const given = thresholds[detector]
      if (labelled && given !== undefined)
        this.#points.set(detector, this.#newPoint(detector, given, 'given'))
    }
    if (labelled && threshold !== undefined) this.#chosen = this.#newPoint('hybrid', threshold, 'given')
    const ownPass = labelled && this.#points.size < detectors.length
    this.#meter = new PassMeter(images.length, groups + (ownPass ? 1 : 0), options.onProgress)
    this.#closed = new ConfusionMatrix(Math.max(1, images.classes.length), {
      ignore: [UNKNOWN_LABEL, IGNORE_LABEL],
    })
  }

  /** One pass over the images for some detectors; the first one also measures the closed-set prediction. */
  async measureDetectors(group: readonly ScoreName[], first: boolean): Promise<void> {
    const { signal, perImage } = this.#options
    const metrics = new Map(group.map((detector) => [detector, new AnomalyMetrics(this.#settings)]))
    const alsoHybrid = first && this.#chosen !== undefined && !group.includes('hybrid')
    for await (const image of this.#images.read(alsoHybrid ? [...group, 'hybrid'] : group, signal)) {
      const target = anomalyTarget(image.labels)
      for (const [detector, metric] of metrics) {
        metric.add(image.scores[detector], target, image.id)
        if (perImage) this.#perImage.push(measureImage(image, detector, target, this.#settings))
        addImage(this.#points.get(detector), image)
      }
      if (first) {
        addImage(this.#chosen, image)
        const { closed } = image
        if (this.#images.classes.length > 0 && closed !== undefined)
          this.#closed.add(image.labels, closed, image.id)
      }
      this.#meter.step(signal)
    }
    for (const [detector, metric] of metrics) this.#results.set(detector, metric.result())
  }

  /** One more pass for the detectors whose threshold was found in the passes before. */
  async measureOwnThresholds(): Promise<void> {
    const { signal } = this.#options
    if (this.#images.classes.length === 0) return
    const own: OpenPoint[] = []
    for (const [detector, { threshold }] of this.#results) {
      if (this.#points.has(detector) || !Number.isFinite(threshold)) continue
      own.push(this.#newPoint(detector, threshold, 'self'))
    }
    if (own.length === 0) return
    const names = own.map(({ detector }) => detector)
    for await (const image of this.#images.read(names, signal)) {
      for (const point of own) addImage(point, image)
      this.#meter.step(signal)
    }
    for (const point of own) this.#points.set(point.detector, point)
  }

  result(): Evaluation {
    const { name, length, classes } = this.#images
    const hasClosed = this.#closed.result().pixels > 0
    const chosen = this.#chosen ?? this.#points.get('hybrid')
    return {
      data: name,
      images: length,
      classes,
      ...this.#settings,
      detectors: this.#detectors.map((detector) => {
        const point = this.#points.get(detector)
        return { detector, ...this.#results.get(detector)!, ...(point && { openSet: openSetResult(point) }) }
      }),
      ...(hasClosed && { closedMIoU: closedMean(this.#closed, this.#options.absent ?? 'skip') }),
      ...(hasClosed && chosen && { openSet: openSetResult(chosen) }),
      ...(this.#options.perImage && { perImage: this.#perImage }),
    }
  }

  #newPoint(detector: ScoreName, threshold: number, thresholdFrom: 'given' | 'self'): OpenPoint {
    const { absent = 'skip' } = this.#options
    const metrics = new OpenSetMetrics({ classes: this.#images.classes, absent })
    return { detector, threshold, thresholdFrom, metrics }
  }
}

function addImage(point: OpenPoint | undefined, { id, labels, closed, scores }: ScoredImage): void {
  if (point === undefined || closed === undefined) return
  const { detector, threshold, metrics } = point
  const score = scores[detector]
  const unknown = metrics.classes.length
  const open = closed.map((label, i) => (score[i] > threshold ? unknown : label))
  metrics.add({ labels, closed, open }, id)
}

function openSetResult({ detector, threshold, thresholdFrom, metrics }: OpenPoint): OperatingResult {
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
