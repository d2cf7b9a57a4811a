import type { LabelTable } from '../datasets/label-table.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import type { CatalogueEntry } from './entry.ts'
import { checkLayout } from './layout.ts'
import { readPairList } from './pair-list.ts'
import { anomalyTable, type ColouredClass, closedTable, type Meaning, openSetTable } from './views.ts'

/** The values 0 … 10; 11 is void, 12 an anomaly. */
const CLASSES: readonly ColouredClass[] = [
  { name: 'Sky', colour: [128, 128, 128] },
  { name: 'Building', colour: [128, 0, 0] },
  { name: 'Pole', colour: [192, 192, 128] },
  { name: 'Road', colour: [128, 64, 128] },
  { name: 'Sidewalk', colour: [0, 0, 192] },
  { name: 'Tree', colour: [128, 128, 0] },
  { name: 'SignSymbol', colour: [192, 128, 128] },
  { name: 'Fence', colour: [64, 64, 128] },
  { name: 'Car', colour: [64, 0, 128] },
  { name: 'Pedestrian', colour: [64, 64, 0] },
  { name: 'Bicyclist', colour: [0, 128, 192] },
]

const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  ...CLASSES.map((_, label) => [label, { known: label }] as const),
  [11, 'ignore'],
  [12, 'anomaly'],
])

/**
 * Besnier et al., "Triggering Failures: Out-Of-Distribution detection by learning from local adversarial attacks in
 * Semantic Segmentation" (ICCV 2021): CamVid in 11 classes, and its test images with an animal pasted into each.
 */
export const camvidOod: CatalogueEntry = {
  scheme: 'camvid-ood',
  title: 'CamVid-OOD',
  roles: ['labels', 'anomalies'],
  homepage: 'https://github.com/valeoai/obsnet',
  licence: 'that of CamVid: research; the additions without stated terms',
  layout:
    'train.txt, val.txt, test.txt, test_ood.txt and the folders they name: train, trainannot, …, testannot_ood',
  splits: {
    train: { images: 367 },
    val: { images: 101 },
    test: { images: 233 },
    test_ood: { images: 233, about: 'the test images, each with an animal' },
  },
  views: {
    closed: '11 known classes; void and anomalies are ignored',
    ood: 'anomalies against the 11 known classes; void is ignored',
    osr: '11 known classes and anomalies as unknown; void is ignored',
  },
  async open({ root, splits, view, name, signal }) {
    await checkLayout(
      'CamVid-OOD',
      root,
      splits.map((split) => `${split}.txt`),
    )
    const entries: FileEntry[] = []
    for (const split of splits) entries.push(...(await readPairList(root, split, signal)))
    return labelledFiles(name, entries, camvidTable(view))
  },
}

function camvidTable(view: string): LabelTable {
  const name = 'the list of CamVid-OOD values'
  if (view === 'ood') return anomalyTable(name, MEANINGS)
  return (view === 'closed' ? closedTable : openSetTable)(name, CLASSES, MEANINGS)
}
