import { basename, resolve } from 'node:path'
import { checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import type { Dataset } from '../dataset.ts'
import type { LabelTable, Unlisted } from './label-table.ts'
import { labelledFiles } from './labelled-files.ts'
import { checkFolder } from './list-files.ts'
import { listedFiles } from './listed-files.ts'
import { type Mapping, parseMapping, readMapping } from './mapping.ts'
import { checkStringOptions } from './option-checks.ts'
import { pairFiles, pathFrom } from './pair-files.ts'

/** Options of `datasets.folder`. Paths are relative to `root`. */
export interface FolderOptions {
  root: string
  /** Folder of the images, default "images"; "." is the root itself. Folders inside are entered. */
  images?: string
  /** Folder of the label maps: PNG files with the images' names. Absent: every pixel is IGNORE_LABEL. */
  labels?: string
  /** Folder of the instance maps: 0 = none, 1 … n, 255 = crowd. */
  instances?: string
  /** What the values in label maps mean: a JSON file or the mapping itself. Needed with `labels`. */
  mapping?: string | Mapping
  /** What a label value does that the mapping does not list. Default 'error'. */
  unlisted?: Unlisted
  /** A text file that names the images to take, one a line, without or with extension; # starts a comment. */
  list?: string
  /** End of every image's name before the extension, e.g. "_leftImg8bit". */
  imageSuffix?: string
  /** End of every label map's name before the extension, e.g. "_gtFine_labelIds". */
  labelSuffix?: string
  /** For messages, default the name of the root folder. */
  name?: string
  signal?: AbortSignal
}

const STRING_OPTIONS = [
  'root',
  'images',
  'labels',
  'instances',
  'list',
  'imageSuffix',
  'labelSuffix',
  'name',
] as const satisfies readonly (keyof FolderOptions)[]
const OPTION_NAMES: readonly (keyof FolderOptions)[] = [...STRING_OPTIONS, 'mapping', 'unlisted', 'signal']

/**
 * Any folder of images, with or without label maps of the same names. A sample's id is the image's path relative to
 * `root`, without extension. Only names are read here; `item` reads the files.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT`; `NOT_FOUND` naming the missing folder, label map or listed image;
 * `INVALID_FILE` for a wrong mapping or two images with one name; `EMPTY` naming the folder without images
 */
export async function folder(options: FolderOptions): Promise<Dataset> {
  checkOptions(options)
  const { root, images = 'images', labels, instances, imageSuffix, labelSuffix, list, signal } = options
  await checkFolder(root)
  const labelTable = await readLabelTable(options)
  const pairs = await pairFiles({
    root,
    images,
    labels,
    instances,
    imageSuffix,
    labelSuffix,
    signal,
  })
  const entries =
    list === undefined ? [...pairs.values()] : await listedFiles(pathFrom(root, list), pairs, { signal })
  return labelledFiles(options.name ?? basename(resolve(root)), entries, labelTable)
}

async function readLabelTable(options: FolderOptions): Promise<LabelTable | undefined> {
  const { root, mapping, unlisted, signal } = options
  if (typeof mapping === 'string') return readMapping(pathFrom(root, mapping), { unlisted, signal })
  return mapping === undefined ? undefined : parseMapping(mapping, { unlisted })
}

function checkOptions(options: FolderOptions): void {
  checkOptionNames('datasets.folder', options, OPTION_NAMES)
  checkStringOptions(options, STRING_OPTIONS)
  if (options.unlisted !== undefined) checkOneOf('options.unlisted', options.unlisted, ['error', 'ignore'])
  if (options.labels !== undefined && options.mapping === undefined) {
    throw invalid(
      'options.mapping',
      'a mapping file or a mapping',
      undefined,
      'Label maps hold numbers: {"0": "road", "1": "car"} says what they mean.',
    )
  }
}
