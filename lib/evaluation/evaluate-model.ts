import { type Dataset, IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { throwIfAborted } from '../errors.ts'
import type { Segmenter } from '../segmenter.ts'
import { checkOptionNames, invalid } from '../validate.ts'
import type { Calibration } from './calibrate.ts'
import { type CalibrationOptions, calibrateImages } from './calibrate-images.ts'
import { ConfusionMatrix } from './confusion.ts'
import { evaluateImages } from './evaluate-images.ts'
import type { Evaluation, EvaluationOptions } from './evaluation.ts'
import { scoredByModel } from './scored-image.ts'

/**
 * All metrics of a model on a data set: AP, AUROC and FPR of every detector, and, where the data set has classes,
 * closed-set mIoU and open-mIoU. Images are scored one at a time at the size of their labels. `threshold` is the
 * model's own unless it is given.
 *
 * @param dataset with the classes of the model (see `alignClasses`), or without classes (anomaly masks)
 * @throws DenseHybridError INVALID_ARGUMENT where the classes differ; EMPTY, NON_FINITE, DISPOSED, ABORTED
 *
 * ```ts
 * const { detectors, openSet } = await evaluateModel(model, await openDataset('camvid:CamVid?split=test'))
 * ```
 */
export async function evaluateModel(
  segmenter: Segmenter,
  dataset: Dataset,
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  checkClasses(segmenter, dataset)
  const threshold = options.threshold ?? segmenter.threshold ?? undefined
  return evaluateImages(scoredByModel(segmenter, dataset), {
    ...options,
    ...(threshold !== undefined && { threshold }),
  })
}

/**
 * The threshold at which a TPR is reached, or another target, on a data set with anomalies, by detector.
 *
 * @throws DenseHybridError EMPTY where no pixel is an anomaly; INVALID_ARGUMENT, NON_FINITE, DISPOSED, ABORTED
 */
export async function calibrateModel(
  segmenter: Segmenter,
  dataset: Dataset,
  options: CalibrationOptions = {},
): Promise<Record<string, Calibration>> {
  checkClasses(segmenter, dataset)
  return calibrateImages(scoredByModel(segmenter, dataset), options)
}

/**
 * Closed-set mIoU on pixels of known classes: one forward pass an image, no scores. NaN where no pixel has a known class.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the classes differ; DISPOSED, ABORTED
 */
export async function measureClosedSet(
  segmenter: Segmenter,
  dataset: Dataset,
  options: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
): Promise<number> {
  checkOptionNames('measureClosedSet', options, ['signal', 'onProgress'])
  if (dataset.classes.length === 0) throw invalid('dataset', 'a data set with class labels', dataset.name)
  checkClasses(segmenter, dataset)
  const matrix = new ConfusionMatrix(segmenter.classes.length, { ignore: [UNKNOWN_LABEL, IGNORE_LABEL] })
  let done = 0
  for await (const { id, labels, closed } of scoredByModel(segmenter, dataset).read([], options.signal)) {
    matrix.add(labels, closed!, id)
    options.onProgress?.(++done)
    throwIfAborted(options.signal)
  }
  return matrix.meanIoU()
}

function checkClasses(segmenter: Segmenter, dataset: Dataset): void {
  if (dataset.classes.length === 0) return
  const same =
    dataset.classes.length === segmenter.classes.length &&
    dataset.classes.every((name, k) => name === segmenter.classes[k])
  if (same) return
  throw invalid(
    'dataset.classes',
    `the classes of the model (${segmenter.classes.join(', ')})`,
    dataset.classes.join(', '),
    'alignClasses(dataset, model.classes, …) brings them together.',
  )
}
