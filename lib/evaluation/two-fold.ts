import { DenseHybridError } from '../errors.ts'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import { checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { AnomalyMetrics } from './anomaly.ts'
import { type Calibration, calibrateThreshold } from './calibrate.ts'
import { halfLabels, halfScores } from './half-scale.ts'
import type { OpenSetResult } from './open-set.ts'
import { OpenSetSweep, type SweepPoint } from './open-set-sweep.ts'
import { checkConvention, type FprConvention } from './operating-point.ts'
import { anomalyTarget, PassMeter, type PassOptions } from './passes.ts'
import type { ScoredImages } from './scored-image.ts'

/** Options of {@link twoFoldOpenSet}. */
export interface TwoFoldOptions extends Pick<PassOptions, 'tpr' | 'convention' | 'signal' | 'onProgress'> {
  /** The score that rejects pixels. Default `hybrid`. */
  readonly detector?: ScoreName
  /** Scale of scores and labels for the calibration; the published numbers have 0.5, the default. */
  readonly scale?: 0.5 | 1
  /** Known classes that do not occur. Default `skip`. */
  readonly absent?: 'skip' | 'zero'
}

/** One fold evaluated at the threshold of the other. */
export interface FoldResult {
  /** Name of the images that were evaluated, at full resolution. */
  readonly evaluatedOn: string
  /** How many these are. */
  readonly images: number
  /** Name of the other images, on which the threshold was calibrated. */
  readonly calibratedOn: string
  /** How many those are. */
  readonly calibrationImages: number
  /** τ and its rates on the calibration images, at the calibration's scale. Pixels with score > τ are unknown. */
  readonly calibration: Calibration
  readonly openSet: SweepPoint
}

/** What {@link twoFoldOpenSet} returns. */
export interface TwoFoldResult {
  /** Mean of the open-mIoU of both folds, weighted by the number of images evaluated. */
  readonly openMIoU: number
  /** Mean of the IoU of unknown, weighted in the same way. */
  readonly unknownIoU: number
  /** First `foldA` evaluated, then `foldB`. */
  readonly folds: readonly [FoldResult, FoldResult]
  readonly detector: ScoreName
  readonly tpr: number
  readonly convention: Exclude<FprConvention, 'd'>
  readonly scale: 0.5 | 1
}

const OPTION_NAMES = ['detector', 'tpr', 'convention', 'scale', 'absent', 'signal', 'onProgress']

/**
 * Open-set segmentation by the two-fold protocol of StreetHazards: the threshold is calibrated on one fold and applied
 * to the other, then the reverse. Calibration runs at half the scale (see half-scale.ts), evaluation at full resolution.
 *
 * The official code prints "performance on t5" for images of t6 with a threshold calibrated on t5, because its city
 * filter keeps what it should leave out; the exchange cancels in the average. Here every fold names what it was
 * evaluated and what it was calibrated on.
 *
 * Every image is read twice. At scale 0.5 NaN under an ignored pixel spreads to the 2×2 mean and is refused where the
 * first of the four pixels counts.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the folds differ in classes, or images lack a closed-set prediction;
 * EMPTY where a fold has no image or no anomaly pixel; NON_FINITE, ABORTED
 */
export async function twoFoldOpenSet(
  foldA: ScoredImages,
  foldB: ScoredImages,
  options: TwoFoldOptions = {},
): Promise<TwoFoldResult> {
  const settings = checkSettings(options)
  checkFolds(foldA, foldB)
  const { detector, tpr, convention, scale } = settings
  const meter = new PassMeter(foldA.length + foldB.length, 2, options.onProgress)
  const fromA = await calibrateFold(foldA, settings, meter)
  const fromB = await calibrateFold(foldB, settings, meter)
  const folds = [
    await evaluateFold(foldA, foldB, fromB, settings, meter),
    await evaluateFold(foldB, foldA, fromA, settings, meter),
  ] as const
  const mean = (value: (result: OpenSetResult) => number) =>
    folds.reduce((sum, { images, openSet }) => sum + images * value(openSet), 0) /
    (folds[0].images + folds[1].images)
  return {
    openMIoU: mean(({ openMIoU }) => openMIoU),
    unknownIoU: mean(({ unknownIoU }) => unknownIoU),
    folds,
    detector,
    tpr,
    convention,
    scale,
  }
}

interface Settings extends Required<Omit<TwoFoldOptions, 'signal' | 'onProgress'>> {
  readonly signal: AbortSignal | undefined
}

function checkSettings(options: TwoFoldOptions): Settings {
  checkOptionNames('twoFoldOpenSet', options, OPTION_NAMES)
  const { tpr = 0.95, convention = 'a', scale = 0.5, signal } = options
  const detector = checkOneOf('options.detector', options.detector ?? 'hybrid', SCORE_NAMES)
  const absent = checkOneOf('options.absent', options.absent ?? 'skip', ['skip', 'zero'])
  checkConvention('options.convention', convention, 'options.tpr', tpr)
  if ((convention as FprConvention) === 'd') {
    const hint = 'Convention d interpolates an FPR and names no threshold.'
    throw invalid('options.convention', 'a, b, c, e or f', convention, hint)
  }
  if (scale !== 0.5 && scale !== 1) throw invalid('options.scale', '0.5 or 1', scale)
  return { detector, tpr, convention, scale, absent, signal }
}

function checkFolds(foldA: ScoredImages, foldB: ScoredImages): void {
  if (foldA === foldB) {
    throw invalid('foldB', 'other images than those of foldA', foldB.name)
  }
  for (const [name, fold] of [
    ['foldA', foldA],
    ['foldB', foldB],
  ] as const) {
    if (fold.length === 0)
      throw new DenseHybridError('EMPTY', `${fold.name} has no images, given as ${name}.`, {
        hint: 'Both folds need images: one calibrates the other.',
      })
    if (fold.classes.length === 0)
      throw invalid(`${name}.classes`, 'the names of the known classes', fold.classes)
  }
  if (JSON.stringify(foldA.classes) !== JSON.stringify(foldB.classes))
    throw invalid('foldB.classes', `the classes of foldA (${foldA.classes.join(', ')})`, foldB.classes)
}

async function calibrateFold(fold: ScoredImages, settings: Settings, meter: PassMeter): Promise<Calibration> {
  const { detector, tpr, convention, scale, signal } = settings
  const metrics = new AnomalyMetrics({ tpr, convention })
  for await (const image of fold.read([detector], signal)) {
    const { id, labels, size, scores } = image
    const target = anomalyTarget(scale === 1 ? labels : halfLabels(labels, size))
    metrics.add(scale === 1 ? scores[detector] : halfScores(scores[detector], size), target, id)
    meter.step(signal)
  }
  if (metrics.result().positives === 0) {
    throw new DenseHybridError('EMPTY', `No pixel of ${fold.name} is an anomaly at scale ${scale}.`, {
      hint: 'The threshold needs anomalies in both folds: check how the images were divided and their labels mapped.',
    })
  }
  return calibrateThreshold(metrics, { tpr, convention })
}

async function evaluateFold(
  fold: ScoredImages,
  calibratedOn: ScoredImages,
  calibration: Calibration,
  settings: Settings,
  meter: PassMeter,
): Promise<FoldResult> {
  const { detector, absent, signal } = settings
  const { threshold } = calibration
  const sweep = new OpenSetSweep({ classes: fold.classes, absent, thresholds: [threshold] })
  let images = 0
  for await (const { id, labels, closed, scores } of fold.read([detector], signal)) {
    if (closed === undefined) throw missingPrediction(id)
    sweep.add({ labels, closed, scores: scores[detector] }, id)
    images++
    meter.step(signal)
  }
  return {
    evaluatedOn: fold.name,
    images,
    calibratedOn: calibratedOn.name,
    calibrationImages: calibratedOn.length,
    calibration,
    openSet: sweep.result()[0],
  }
}

function missingPrediction(id: string): DenseHybridError {
  return invalid(
    `closed of image ${JSON.stringify(id)}`,
    'a closed-set prediction',
    undefined,
    'Score maps alone do not say which known class a pixel is of: evaluate a model.',
  )
}
