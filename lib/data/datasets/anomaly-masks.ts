import { basename, resolve } from 'node:path'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import { type Dataset, IGNORE_LABEL, UNKNOWN_LABEL } from '../dataset.ts'
import { type LabelTable, makeLabelTable, type Unlisted } from './label-table.ts'
import { labelledFiles } from './labelled-files.ts'
import { checkFolder } from './list-files.ts'
import { checkStringOptions } from './option-checks.ts'
import { pairFiles } from './pair-files.ts'

/** Options of `datasets.anomalyMasks`. Paths are relative to `root`. */
export interface AnomalyMasksOptions {
  root: string
  /** Folder of the images, default "images". */
  images?: string
  /** Folder of the masks: PNG files with the images' names. Default "masks". */
  masks?: string
  /** Mask value, or values, of pixels without anomaly. Default 0. */
  inlier?: number | readonly number[]
  /** Mask value, or values, of anomalies. Default 1. */
  anomaly?: number | readonly number[]
  /** Mask value, or values, of pixels that do not count. Default 255 unless that is one of the others. */
  ignore?: number | readonly number[]
  /** What any other mask value does. Default 'error'. */
  unlisted?: Unlisted
  /** End of every image's name before the extension. */
  imageSuffix?: string
  /** End of every mask's name before the extension, e.g. "_labels_semantic". */
  maskSuffix?: string
  /** For messages, default the name of the root folder. */
  name?: string
  signal?: AbortSignal
}

const STRING_OPTIONS = [
  'root',
  'images',
  'masks',
  'imageSuffix',
  'maskSuffix',
  'name',
] as const satisfies readonly (keyof AnomalyMasksOptions)[]
const VALUE_OPTIONS = ['inlier', 'anomaly', 'ignore'] as const
const OPTION_NAMES: readonly (keyof AnomalyMasksOptions)[] = [
  ...STRING_OPTIONS,
  ...VALUE_OPTIONS,
  'unlisted',
  'signal',
]

/**
 * Images with masks that tell anomalies from the rest, such as Road Anomaly or Fishyscapes. There are no classes: inlier
 * pixels have label 0, anomalies UNKNOWN_LABEL. A sample's id is the image's path relative to `root`, without extension.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT`; `NOT_FOUND` naming the missing folder or mask; `INVALID_FILE`; `EMPTY`
 */
export async function anomalyMasks(options: AnomalyMasksOptions): Promise<Dataset> {
  const labelTable = checkOptions(options)
  const { root, images = 'images', masks = 'masks', imageSuffix, maskSuffix, signal } = options
  await checkFolder(root)
  const pairs = await pairFiles({ root, images, labels: masks, imageSuffix, labelSuffix: maskSuffix, signal })
  return labelledFiles(options.name ?? basename(resolve(root)), [...pairs.values()], labelTable)
}

function checkOptions(options: AnomalyMasksOptions): LabelTable {
  checkOptionNames('datasets.anomalyMasks', options, OPTION_NAMES)
  checkStringOptions(options, STRING_OPTIONS)
  const { unlisted = 'error' } = options
  checkOneOf('options.unlisted', unlisted, ['error', 'ignore'])
  const labels = new Map<number, number>()
  const put = (name: string, values: readonly number[], label: number): void => {
    for (const value of values) {
      checkInteger(name, value, 0, 255)
      if (labels.has(value)) throw invalid(name, 'values that no other option lists', value)
      labels.set(value, label)
    }
  }
  put('options.inlier', [options.inlier ?? 0].flat(), 0)
  put('options.anomaly', [options.anomaly ?? 1].flat(), UNKNOWN_LABEL)
  put(
    'options.ignore',
    [options.ignore ?? (labels.has(IGNORE_LABEL) ? [] : IGNORE_LABEL)].flat(),
    IGNORE_LABEL,
  )
  return makeLabelTable('the list of mask values', [], labels, unlisted)
}
