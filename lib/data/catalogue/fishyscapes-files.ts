import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import type { Dataset } from '../dataset.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { filesByStem } from '../datasets/list-files.ts'
import { IMAGE_EXTENSIONS } from '../decode.ts'
import { anomalyTable } from './anomaly-table.ts'
import type { CatalogueOptions } from './entry.ts'
import { findPackaging, type Packaging } from './packaging.ts'

/** How a packaging of Fishyscapes names its folders and files. */
export interface FishyscapesPackaging extends Packaging {
  /** Folder of the images, relative to the root. */
  readonly images: string
  /** Folder of the label maps, relative to the root. */
  readonly labels: string
  /** Folder of label maps that count the region of interest alone, where there is one. */
  readonly roi?: string
  /** Ends of the images' names before the extension; the first that fits is taken off. */
  readonly imageSuffixes: readonly string[]
  /** Ends of the label maps' names, likewise. */
  readonly labelSuffixes: readonly string[]
}

/** In one folder: `NNNN_…_rgb.jpg` and `NNNN_…_labels.png`. */
export const FLAT: FishyscapesPackaging = {
  holds: 'files *_rgb.jpg and *_labels.png',
  file: /_rgb\.[a-z]+$/i,
  images: '.',
  labels: '.',
  imageSuffixes: ['_rgb'],
  labelSuffixes: ['_labels'],
}

/** The folders that evaluation code of papers uses. */
export const IN_FOLDERS: readonly FishyscapesPackaging[] = [
  {
    holds: 'leftImg8bit and ood',
    folders: ['leftImg8bit', 'ood'],
    images: 'leftImg8bit',
    labels: 'ood',
    imageSuffixes: ['_leftImg8bit'],
    labelSuffixes: ['_ood_segmentation'],
  },
  {
    holds: 'leftImg8bit and gtFine',
    folders: ['leftImg8bit', 'gtFine'],
    images: 'leftImg8bit',
    labels: 'gtFine',
    imageSuffixes: ['_leftImg8bit'],
    labelSuffixes: ['_labels'],
  },
  {
    holds: 'original and labels',
    folders: ['original', 'labels'],
    images: 'original',
    labels: 'labels',
    roi: 'labels_with_ROI',
    imageSuffixes: ['_leftImg8bit', '_rgb', ''],
    labelSuffixes: ['_leftImg8bit', '_labels', '_gtFine_labelIds', '_rgb', ''],
  },
]

/**
 * 0 inlier, 1 anomaly, ignored is 255 in the label files of the publishers and 2 in those made from them. Neither value
 * has another meaning in the other kind, so one table reads both.
 */
export const FISHYSCAPES_TABLE = anomalyTable('the encoding of Fishyscapes', {
  inlier: [0],
  anomaly: [1],
  ignore: [2],
})

/** Views of both sets. */
export const FISHYSCAPES_VIEWS = {
  anomalies: 'anomalies against all other labelled pixels',
  roi: 'the same with what lies off the road ignored; where the packaging has labels_with_ROI',
} as const

/**
 * Reads whichever of `packagings` the root has. A sample's id is the image's name without the suffix.
 *
 * @throws DenseHybridError `NOT_FOUND` for another folder, an image without label map, or a view that the packaging does
 * not have; `EMPTY`
 */
export async function openFishyscapes(
  title: string,
  packagings: readonly FishyscapesPackaging[],
  { root, view, name, signal }: CatalogueOptions,
): Promise<Dataset> {
  const packaging = await findPackaging(title, root, packagings)
  const { images, labels, roi, imageSuffixes, labelSuffixes, holds } = packaging
  if (view === 'roi' && roi === undefined) {
    throw new DenseHybridError('NOT_FOUND', `${root} has no labels_with_ROI, which the view roi reads.`, {
      hint: `It holds ${holds}: take the view anomalies.`,
    })
  }
  const labelFolder = join(root, view === 'roi' ? roi! : labels)
  const imageFiles = await namedFiles(join(root, images), IMAGE_EXTENSIONS, imageSuffixes, signal)
  const labelFiles = await namedFiles(labelFolder, ['.png'], labelSuffixes, signal)
  if (imageFiles.size === 0) {
    throw new DenseHybridError('EMPTY', `${join(root, images)} holds no image.`, {
      hint: `Their names end with ${imageSuffixes.filter((suffix) => suffix !== '').join(' or ')}.`,
    })
  }
  const entries = [...imageFiles].map(([id, image]): FileEntry => {
    const labelFile = labelFiles.get(id)
    if (labelFile === undefined)
      throw missingPartner(image, 'label map', join(labelFolder, `${id}${labelSuffixes[0]}.png`))
    return { id, image, labels: labelFile }
  })
  return labelledFiles(name, entries, FISHYSCAPES_TABLE)
}

/** The error for a file without the one that belongs to it. */
export function missingPartner(file: string, what: string, expected: string): DenseHybridError {
  return new DenseHybridError('NOT_FOUND', `${file} has no ${what}: expected ${expected}.`, {
    hint: 'The archive was unpacked in part, or files were renamed.',
  })
}

/** Files below `folder` by name without suffix and extension, in the order of the names. */
async function namedFiles(
  folder: string,
  extensions: readonly string[],
  suffixes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const [stem, file] of await filesByStem(folder, { extensions, signal })) {
    const suffix = suffixes.find((one) => stem.endsWith(one))
    if (suffix === undefined) continue
    const id = stem.slice(0, stem.length - suffix.length)
    const other = files.get(id)
    if (other !== undefined) {
      throw new DenseHybridError('INVALID_FILE', `${other} and ${file} belong to the same image ${id}.`, {
        hint: 'Move one of them away.',
      })
    }
    files.set(id, file)
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}
