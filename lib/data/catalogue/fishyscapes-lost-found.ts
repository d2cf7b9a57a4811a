import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import type { Dataset } from '../dataset.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { filesByStem } from '../datasets/list-files.ts'
import { IMAGE_EXTENSIONS } from '../decode.ts'
import type { CatalogueEntry, CatalogueOptions } from './entry.ts'
import {
  FISHYSCAPES_TABLE,
  FISHYSCAPES_VIEWS,
  FLAT,
  IN_FOLDERS,
  missingPartner,
  openFishyscapes,
} from './fishyscapes-files.ts'
import { checkLayout } from './layout.ts'
import { findPackaging } from './packaging.ts'

const TITLE = 'Fishyscapes Lost & Found'
const LABELS_ALONE = {
  holds: 'files *_labels.png (with images=DIR, the folder of Lost and Found)',
  file: /_labels\.png$/i,
}

/**
 * Blum et al., "The Fishyscapes Benchmark: Measuring Blind Spots in Semantic Segmentation" (IJCV 2021), Lost & Found:
 * images of Lost and Found, labelled anew. The publishers hand out the label files alone.
 */
export const fishyscapesLostFound: CatalogueEntry = {
  scheme: 'fishyscapes-lost-found',
  title: TITLE,
  roles: ['anomalies'],
  homepage: 'https://fishyscapes.com',
  licence: 'images: terms of Lost and Found, non-commercial',
  layout:
    '*_labels.png (images=DIR of Lost and Found); or leftImg8bit with ood or gtFine; or original with labels',
  splits: { validation: { images: 100, about: 'the 275 test images are not public' } },
  defaultSplit: 'validation',
  views: FISHYSCAPES_VIEWS,
  keys: { images: 'folder of Lost and Found, where the root holds label files alone' },
  open: (options) =>
    options.values.images === undefined
      ? openWithImages(options)
      : openLabels(options.values.images, options),
}

async function openWithImages(options: CatalogueOptions): Promise<Dataset> {
  const packaging = await findPackaging(TITLE, options.root, [FLAT, ...IN_FOLDERS, LABELS_ALONE])
  if (packaging === LABELS_ALONE) {
    throw new DenseHybridError('NOT_FOUND', `${options.root} holds label files without images.`, {
      hint: 'Add images=DIR with the folder of Lost and Found, which holds leftImg8bit.',
    })
  }
  return openFishyscapes(TITLE, [FLAT, ...IN_FOLDERS], options)
}

/** Label files `NNNN_<name>_labels.png` in `root`, images `leftImg8bit/…/<name>_leftImg8bit.png` in `lostAndFound`. */
async function openLabels(
  lostAndFound: string,
  { root, view, name, signal }: CatalogueOptions,
): Promise<Dataset> {
  if (view === 'roi') {
    throw new DenseHybridError('NOT_FOUND', `${root} has no labels_with_ROI, which the view roi reads.`, {
      hint: 'Label files alone have the view anomalies.',
    })
  }
  await findPackaging(TITLE, root, [LABELS_ALONE])
  await checkLayout('Lost and Found', lostAndFound, ['leftImg8bit'])
  const folder = join(lostAndFound, 'leftImg8bit')
  const images = new Map<string, string>()
  const found = await filesByStem(folder, { extensions: IMAGE_EXTENSIONS, suffix: '_leftImg8bit', signal })
  for (const [stem, file] of found) images.set(stem.slice(stem.lastIndexOf('/') + 1), file)
  const labels = await filesByStem(root, { extensions: ['.png'], suffix: '_labels', signal })
  const entries = [...labels].map(([id, labelFile]): FileEntry => {
    const lostAndFoundName = id.replace(/^\d+_/, '')
    const image = images.get(lostAndFoundName)
    if (image === undefined)
      throw missingPartner(labelFile, 'image', `${join(folder, '…', `${lostAndFoundName}_leftImg8bit.png`)}`)
    return { id, image, labels: labelFile }
  })
  return labelledFiles(name, entries, FISHYSCAPES_TABLE)
}
