import { join } from 'node:path'
import type { Dataset } from '../dataset.ts'
import { labelledFiles } from '../datasets/labelled-files.ts'
import { filesByStem } from '../datasets/list-files.ts'
import { IMAGE_EXTENSIONS } from '../decode.ts'
import { anomalyTable } from './anomaly-table.ts'
import type { CatalogueOptions } from './entry.ts'
import { checkLayout } from './layout.ts'
import { pairMasks } from './pair-masks.ts'
import { entriesOfSplits } from './select-split.ts'

/** Which images of a track of SegmentMeIfYouCan belong to a split. */
export interface TrackSplit {
  /** @param stem the image's name without extension */
  readonly has: (stem: string) => boolean
  /** The publishers keep the labels: images without label map are not labelled. */
  readonly unpublished: boolean
}

/**
 * Reads a track: `images/NAME.*` and `labels_masks/NAME_labels_semantic.png` with 0 inlier, 1 anomaly, 255 ignored.
 *
 * @throws DenseHybridError `NOT_FOUND` for another folder, or an image without label map where labels are published;
 * `EMPTY` for a split without images
 */
export async function openTrack(
  title: string,
  trackSplits: Readonly<Record<string, TrackSplit>>,
  { root, splits, name, signal }: CatalogueOptions,
): Promise<Dataset> {
  await checkLayout(title, root, ['images', 'labels_masks'])
  const images = await filesByStem(join(root, 'images'), { extensions: IMAGE_EXTENSIONS, signal })
  const suffix = '_labels_semantic'
  const maskFolder = join(root, 'labels_masks')
  const masks = await filesByStem(maskFolder, { extensions: ['.png'], suffix, signal })
  const entries = await entriesOfSplits(root, splits, (split) => {
    const { has, unpublished } = trackSplits[split]
    return pairMasks(new Map([...images].filter(([stem]) => has(stem))), masks, {
      expected: (stem) => join(maskFolder, `${stem}${suffix}.png`),
      unpublished,
    })
  })
  return labelledFiles(name, entries, anomalyTable(`the encoding of ${title}`, { inlier: [0], anomaly: [1] }))
}
