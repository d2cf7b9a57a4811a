import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import { checkNumber, checkOneOf } from '../validate.ts'
import { BootstrapMetrics } from './bootstrap.ts'
import type { GroupTarget } from './breakdown.ts'
import { ConfusionMatrix } from './confusion.ts'
import { DetectorMeasures } from './detector-measures.ts'
import type {
  DetectorResult,
  Evaluation,
  EvaluationOptions,
  ImageResult,
  OperatingResult,
} from './evaluation.ts'
import type { Interval } from './intervals.ts'
import { meanOverClasses } from './open-set.ts'
import { OperatingMeasures } from './operating-measures.ts'
import { checkConvention, type ThresholdConvention } from './operating-point.ts'
import { pairedDifference } from './paired-difference.ts'
import { anomalyTarget, checkPassOptions, detectorGroups, PASS_OPTION_NAMES, PassMeter } from './passes.ts'
import { checkBootstrap } from './resampling-run.ts'
import type { ScoredImages } from './scored-image.ts'
import { SMIYC_TRACKS, type SmiycTrack } from './smiyc/component-metrics.ts'

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
  checkOptions(options)
  const groups = await detectorGroups(images, options.detectors ?? SCORE_NAMES, options.memory)
  const run = new EvaluationRun(images, options, groups.length)
  for (const [pass, group] of groups.entries()) await run.measureDetectors(group, pass === 0)
  await run.measureOwnThresholds()
  await run.measureIntervals()
  return run.result()
}

const OPTION_NAMES = [
  ...PASS_OPTION_NAMES,
  'thresholds',
  'threshold',
  'absent',
  'perImage',
  'sweep',
  'smiyc',
  'breakdowns',
  'bootstrap',
  'onCurve',
] as const satisfies readonly (keyof EvaluationOptions)[]

/** Checks all that can be checked before an image is read. */
function checkOptions(options: EvaluationOptions): void {
  checkPassOptions('evaluateImages', options, OPTION_NAMES)
  const { thresholds = {}, threshold, absent, sweep = [], smiyc, bootstrap, tpr, convention = 'a' } = options
  for (const [name, value] of Object.entries(thresholds)) {
    checkOneOf('options.thresholds', name, SCORE_NAMES)
    checkNumber(`options.thresholds.${name}`, value)
  }
  if (threshold !== undefined) checkNumber('options.threshold', threshold)
  if (absent !== undefined) checkOneOf('options.absent', absent, ['skip', 'zero'])
  if (smiyc !== undefined) checkOneOf('options.smiyc', smiyc, Object.keys(SMIYC_TRACKS))
  for (const [i, rate] of sweep.entries())
    checkConvention('options.convention', convention, `options.sweep[${i}]`, rate)
  if (bootstrap === undefined) return
  checkBootstrap('options.bootstrap', bootstrap)
  new BootstrapMetrics({ ...(tpr && { tpr }), convention }) // refuses convention f
}

/** The passes of one evaluation and what they have found. */
class EvaluationRun {
  readonly #images: ScoredImages
  readonly #options: EvaluationOptions
  readonly #detectors: readonly ScoreName[]
  readonly #settings: { readonly tpr: number; readonly convention: ThresholdConvention }
  readonly #meter: PassMeter
  readonly #closed: ConfusionMatrix
  readonly #results = new Map<ScoreName, Omit<DetectorResult, 'detector'>>()
  readonly #perImage: ImageResult[] = []
  /** Open-set metrics of each detector at its threshold, as soon as that is known. */
  readonly #points = new Map<ScoreName, OperatingMeasures>()
  /** The hybrid score at the caller's τ. */
  readonly #chosen: OperatingMeasures | undefined
  /** The images of each detector, for intervals. */
  readonly #resampled = new Map<ScoreName, BootstrapMetrics>()
  readonly #openIntervals = new Map<OperatingMeasures, Interval>()
  /** What still has to be measured with thresholds that were found on the images. */
  readonly #later: OperatingMeasures[] = []

  constructor(images: ScoredImages, options: EvaluationOptions, groups: number) {
    const { detectors = SCORE_NAMES, tpr = 0.95, convention = 'a', thresholds = {}, threshold } = options
    this.#images = images
    this.#options = options
    this.#detectors = detectors
    this.#settings = { tpr, convention }
    const labelled = images.classes.length > 0
    for (const detector of labelled ? detectors : []) {
      const given = thresholds[detector]
      if (given !== undefined) this.#points.set(detector, this.#measuresAt(detector, given, 'given'))
    }
    if (labelled && threshold !== undefined) this.#chosen = this.#measuresAt('hybrid', threshold, 'given')
    const ownPass =
      (labelled && (this.#points.size < detectors.length || options.sweep !== undefined)) ||
      options.smiyc !== undefined
    this.#meter = new PassMeter(images.length, groups + (ownPass ? 1 : 0), options.onProgress)
    this.#closed = new ConfusionMatrix(Math.max(1, images.classes.length), {
      ignore: [UNKNOWN_LABEL, IGNORE_LABEL],
    })
  }

  /** One pass over the images for some detectors; the first one also measures the closed-set prediction. */
  async measureDetectors(group: readonly ScoreName[], first: boolean): Promise<void> {
    const { signal, onCurve } = this.#options
    const measures = group.map((detector) => new DetectorMeasures(detector, this.#settings, this.#options))
    const alsoHybrid = first && this.#chosen !== undefined && !group.includes('hybrid')
    for await (const image of this.#images.read(alsoHybrid ? [...group, 'hybrid'] : group, signal)) {
      const target = anomalyTarget(image.labels)
      const parts: (readonly GroupTarget[])[] = []
      for (const breakdown of this.#options.breakdowns ?? []) parts.push([...(await breakdown.split(image))])
      for (const measure of measures) {
        measure.add(image, target, parts)
        this.#points.get(measure.detector)?.add(image)
      }
      if (first) {
        this.#chosen?.add(image)
        const { closed } = image
        if (this.#images.classes.length > 0 && closed !== undefined)
          this.#closed.add(image.labels, closed, image.id)
      }
      this.#meter.step(signal)
    }
    for (const measure of measures) {
      const { detector } = measure
      const result = measure.result()
      this.#results.set(detector, result)
      this.#perImage.push(...measure.images())
      this.#planLater(measure, result)
      if (measure.bootstrap !== undefined) this.#resampled.set(detector, measure.bootstrap)
      await onCurve?.(detector, measure.curve(), result)
    }
  }

  /** One more pass for what needs thresholds that were found in the passes before. */
  async measureOwnThresholds(): Promise<void> {
    const { signal } = this.#options
    if (this.#later.length === 0) return
    const names = this.#later.map(({ detector }) => detector)
    for await (const image of this.#images.read([...new Set(names)], signal)) {
      for (const measures of this.#later) measures.add(image)
      this.#meter.step(signal)
    }
    for (const measures of this.#later) {
      const { detector } = measures
      if (measures.hasThreshold) this.#points.set(detector, measures)
      const sweep = measures.sweepResult()
      const found = measures.components()
      const result = this.#results.get(detector)!
      this.#results.set(detector, {
        ...result,
        ...(sweep && { sweep }),
        ...(found && {
          smiyc: {
            ...result.smiyc!,
            components: found.result,
            ...(this.#options.perImage && { images: found.images }),
          },
        }),
      })
    }
  }

  /** Intervals of everything that was measured, where they are asked for. */
  async measureIntervals(): Promise<void> {
    const { bootstrap, signal } = this.#options
    if (bootstrap === undefined) return
    const options = { ...bootstrap, signal }
    const first = this.#resampled.get(this.#detectors[0])!
    for (const [detector, images] of this.#resampled) {
      const intervals = await images.intervals(options)
      const difference = images === first ? undefined : await pairedDifference(first, images, options)
      const result = this.#results.get(detector)!
      this.#results.set(detector, { ...result, intervals, ...(difference && { difference }) })
    }
    for (const measures of new Set([this.#chosen, ...this.#points.values()])) {
      const interval = await measures?.interval(options)
      if (measures !== undefined && interval !== undefined) this.#openIntervals.set(measures, interval)
    }
  }

  result(): Evaluation {
    const { name, length, classes } = this.#images
    const hasClosed = this.#closed.result().pixels > 0
    const chosen = this.#openSet(this.#chosen ?? this.#points.get('hybrid'))
    const { absent = 'skip', perImage } = this.#options
    return {
      data: name,
      images: length,
      classes,
      ...this.#settings,
      detectors: this.#detectors.map((detector) => {
        const openSet = this.#openSet(this.#points.get(detector))
        return { detector, ...this.#results.get(detector)!, ...(openSet && { openSet }) }
      }),
      ...(hasClosed && { closedMIoU: meanOverClasses(this.#closed.iou(), absent) }),
      ...(hasClosed && chosen && { openSet: chosen }),
      ...(perImage && { perImage: inOrder(this.#perImage, this.#detectors) }),
    }
  }

  #openSet(measures: OperatingMeasures | undefined): OperatingResult | undefined {
    const result = measures?.openSet()
    if (measures === undefined || result === undefined) return undefined
    const openMIoUInterval = this.#openIntervals.get(measures)
    return { ...result, ...(openMIoUInterval && { openMIoUInterval }) }
  }

  /** Plans the last pass for one detector: its own threshold where none was given, the sweep, and components. */
  #planLater(measure: DetectorMeasures, { threshold, smiyc }: Omit<DetectorResult, 'detector'>): void {
    const { detector } = measure
    const labelled = this.#images.classes.length > 0
    const needsPoint = labelled && !this.#points.has(detector) && Number.isFinite(threshold)
    const sweep = labelled ? measure.sweepThresholds(this.#options.sweep ?? []) : []
    const best = smiyc?.pixels.bestF1Threshold
    const components =
      smiyc !== undefined && Number.isFinite(best) ? { track: smiyc.track, threshold: best! } : undefined
    if (!needsPoint && sweep.length === 0 && components === undefined) return
    const measures = this.#measuresAt(detector, needsPoint ? threshold : undefined, 'self', sweep, components)
    this.#later.push(measures)
  }

  #measuresAt(
    detector: ScoreName,
    threshold: number | undefined,
    thresholdFrom: OperatingResult['thresholdFrom'],
    sweep: readonly { tpr: number; threshold: number }[] = [],
    smiyc?: { track: SmiycTrack; threshold: number },
  ): OperatingMeasures {
    const { classes } = this.#images
    const { absent = 'skip', bootstrap } = this.#options
    const what = { detector, threshold, thresholdFrom, sweep, smiyc }
    return new OperatingMeasures({ ...what, classes, absent, bootstrap: bootstrap !== undefined })
  }
}

/** By image name, the detectors of an image together. */
function inOrder(rows: readonly ImageResult[], detectors: readonly ScoreName[]): ImageResult[] {
  const place = ({ detector }: ImageResult) => detectors.indexOf(detector)
  return [...rows].sort((a, b) => (a.image === b.image ? place(a) - place(b) : a.image < b.image ? -1 : 1))
}
