import { join } from 'node:path'
import { labelledFiles } from '../datasets/labelled-files.ts'
import { filesByStem } from '../datasets/list-files.ts'
import { anomalyTable } from './anomaly-table.ts'
import type { CatalogueEntry } from './entry.ts'
import { checkLayout } from './layout.ts'
import { pairMasks } from './pair-masks.ts'
import { entriesOfSplits } from './select-split.ts'

const EXTENSIONS = ['.jpg', '.jpeg', '.webp']

/**
 * Lis et al., "Detecting the Unexpected via Image Resynthesis" (ICCV 2019). Its readme has 0 for the background and 2 for
 * anomalies. The value 1 is refused: other packagings have it for anomalies, the tool that made the labels for road.
 */
export const roadAnomaly: CatalogueEntry = {
  scheme: 'road-anomaly',
  title: 'Road Anomaly',
  roles: ['anomalies'],
  homepage: 'https://www.epfl.ch/labs/cvlab/data/road-anomaly/',
  licence: 'research; the images are of other owners',
  layout: 'frames/FRAME.jpg (or .webp), frames/FRAME.labels/labels_semantic.png',
  splits: { test: { images: 60 } },
  defaultSplit: 'test',
  views: { anomalies: 'anomalies (value 2) against all other labelled pixels' },
  async open({ root, splits, name, signal }) {
    await checkLayout('Road Anomaly', root, ['frames'])
    const frames = join(root, 'frames')
    const found = await filesByStem(frames, { extensions: EXTENSIONS, signal })
    // Folders of labels may hold pictures of the labelling tool.
    const images = new Map([...found].filter(([stem]) => !stem.includes('/')))
    const suffix = '.labels/labels_semantic'
    const masks = await filesByStem(frames, { extensions: ['.png'], suffix, signal })
    const table = anomalyTable('the encoding of Road Anomaly', { inlier: [0], anomaly: [2] })
    const entries = await entriesOfSplits(root, splits, () =>
      pairMasks(images, masks, { expected: (stem) => join(frames, `${stem}${suffix}.png`) }),
    )
    return labelledFiles(name, entries, table)
  },
}
