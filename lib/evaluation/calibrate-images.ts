import { SCORE_NAMES } from '../scores.ts'
import { AnomalyMetrics } from './anomaly.ts'
import { type Calibration, type CalibrationTarget, calibrateThreshold } from './calibrate.ts'
import {
  anomalyTarget,
  checkPassOptions,
  detectorGroups,
  PASS_OPTION_NAMES,
  PassMeter,
  type PassOptions,
} from './passes.ts'
import type { ScoredImages } from './scored-image.ts'

/** Options of {@link calibrateImages}. */
export interface CalibrationOptions extends PassOptions {
  /** What to calibrate for, e.g. `{ fpr: 0.05 }` or `'best-f1'`. Default: `tpr` by `convention`. */
  readonly target?: CalibrationTarget
}

/**
 * The threshold of every detector on a set of images.
 *
 * @throws DenseHybridError EMPTY where the pixels that the target needs are not there; INVALID_ARGUMENT, NON_FINITE,
 * ABORTED
 */
export async function calibrateImages(
  images: ScoredImages,
  options: CalibrationOptions = {},
): Promise<Record<string, Calibration>> {
  checkPassOptions('calibrateImages', options, [...PASS_OPTION_NAMES, 'target'])
  const { tpr = 0.95, convention = 'a', signal, target = { tpr, convention } } = options
  const groups = await detectorGroups(images, options.detectors ?? SCORE_NAMES, options.memory)
  const meter = new PassMeter(images.length, groups.length, options.onProgress)
  const calibrations: Record<string, Calibration> = {}
  for (const group of groups) {
    const metrics = new Map(group.map((detector) => [detector, new AnomalyMetrics()]))
    for await (const image of images.read(group, signal)) {
      const truth = anomalyTarget(image.labels)
      for (const [detector, metric] of metrics) metric.add(image.scores[detector], truth, image.id)
      meter.step(signal)
    }
    for (const [detector, metric] of metrics) calibrations[detector] = calibrateThreshold(metric, target)
  }
  return calibrations
}
