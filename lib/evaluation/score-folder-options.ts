import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../validate.ts'
import { type LabelMapping, readLabelMapping } from './readers/label-mapping.ts'

/** Score maps, labels and predictions on disk. Files belong together by their names. */
export interface ScoreFolders {
  /**
   * What `Scorer` wrote (`<scores>/hybrid/…`, `scores.json`), or a folder of score maps (see `readScoreMap` for the
   * formats): taken as `hybrid`. Float types may mix, as they widen to float32; grey PNG among them are refused.
   */
  readonly scores: string
  /** Label maps: PNG, or `.npy` of whole numbers. */
  readonly labels: string
  /**
   * Closed-set predictions 0 … K−1: PNG, or `.npy` of whole numbers. They make mIoU and open-mIoU possible, and need
   * labels with classes. The `labels` that `Scorer` writes hold K for unknown pixels: score with `threshold: null` first.
   */
  readonly predictions?: string
  /**
   * K: labels below it are known, K and UNKNOWN_LABEL are anomalies (unless `mapping` says otherwise). Without it the
   * labels are masks: 0 inlier, 1 anomaly.
   */
  readonly classes?: number
  /** Names of the K classes, for reports. Default "class 0", "class 1", … */
  readonly classNames?: readonly string[]
  /** Label value of pixels that do not count. Default 255. */
  readonly ignore?: number
  /** What the values of the labels mean, instead of `ignore`: see `readLabelMapping`. */
  readonly mapping?: string | LabelMapping
  /** Leave out images that lack a score map, label map or prediction, instead of an error. Default false. */
  readonly partial?: boolean
  /** Resize score maps to the size of their labels, instead of an error. */
  readonly resizeScores?: 'bilinear'
}

const OPTION_NAMES = [
  'scores',
  'labels',
  'predictions',
  'classes',
  'classNames',
  'ignore',
  'mapping',
  'partial',
  'resizeScores',
] as const satisfies readonly (keyof ScoreFolders)[]

/**
 * Checks where score maps are read from.
 *
 * @returns names of the K classes, none where K was not given; and what the values of the labels mean
 * @throws DenseHybridError INVALID_ARGUMENT naming the option; NOT_FOUND, INVALID_FILE for a mapping file
 */
export async function checkScoreFolders(
  folders: ScoreFolders,
): Promise<{ classNames: readonly string[]; mapping: LabelMapping }> {
  checkOptionNames('openScores', folders, OPTION_NAMES)
  const { predictions, classNames: names, partial, ignore, resizeScores } = folders
  for (const name of ['scores', 'labels', 'predictions'] as const) {
    const folder = folders[name]
    if (folder === undefined && name === 'predictions') continue
    if (typeof folder !== 'string' || folder === '') throw invalid(name, 'a folder', folder)
  }
  if (partial !== undefined && typeof partial !== 'boolean')
    throw invalid('partial', 'true or false', partial)
  if (resizeScores !== undefined) checkOneOf('resizeScores', resizeScores, ['bilinear'])
  if (folders.classes !== undefined) checkInteger('classes', folders.classes, 1, 253)
  if (names !== undefined && (!Array.isArray(names) || names.some((name) => typeof name !== 'string'))) {
    throw invalid('classNames', 'an array of names', names)
  }
  const classes = folders.classes ?? names?.length
  if (names !== undefined && names.length !== classes) throw invalid('classNames', `${classes} names`, names)
  const mapping = await labelMapping(folders, classes)
  if (ignore !== undefined && folders.mapping !== undefined) {
    throw invalid('ignore', 'no value beside a mapping, which says itself what to ignore,', ignore)
  }
  if (mapping.classes > 0 && classes !== undefined && mapping.classes > classes) {
    throw invalid('classes', `at least ${mapping.classes}, which the mapping names,`, classes)
  }
  if (predictions !== undefined && (classes === undefined || mapping.classes === 0)) {
    throw invalid(
      'predictions',
      'labels with classes',
      predictions,
      'Give the number of classes, and a mapping with class numbers if any: masks of anomalies have no mIoU.',
    )
  }
  return { classNames: names ?? Array.from({ length: classes ?? 0 }, (_, k) => `class ${k}`), mapping }
}

/** The mapping that was given, or the one that `classes` and `ignore` stand for. */
async function labelMapping(
  { mapping, ignore = IGNORE_LABEL }: ScoreFolders,
  classes: number | undefined,
): Promise<LabelMapping> {
  if (typeof mapping === 'string') return readLabelMapping(mapping)
  if (mapping !== undefined) {
    if (mapping?.table instanceof Int16Array && mapping.table.length === 256) return mapping
    throw invalid('mapping', 'a text, a path or what readLabelMapping returns', mapping)
  }
  checkInteger('ignore', ignore, 0, 255)
  const table = new Int16Array(256).fill(-1)
  for (let label = 0; label < (classes ?? 1); label++) table[label] = label
  table[classes ?? 1] = UNKNOWN_LABEL
  table[UNKNOWN_LABEL] = UNKNOWN_LABEL
  table[ignore] = IGNORE_LABEL
  const known = classes === undefined ? '0 inlier, 1 anomaly' : `${classes} classes, then anomalies`
  return { name: `${known}, ${ignore} to ignore (--classes, --ignore)`, table, classes: classes ?? 0 }
}
