import { join } from 'node:path'
import { invalid } from '../../validate.ts'
import type { LabelTable } from '../datasets/label-table.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { pairFiles } from '../datasets/pair-files.ts'
import type { CatalogueEntry } from './entry.ts'
import { checkLayout } from './layout.ts'
import { anomalyTable, type ColouredClass, closedTable, type Meaning, openSetTable } from './views.ts'

/** A fold of the two-fold protocol: the test town that its images show. */
export type StreetHazardsFold = 't5' | 't6'

/** The values 1 … 14 of StreetHazards' annotations, in order, with the colours of the release. */
const VALUES: readonly ColouredClass[] = [
  { name: 'unlabeled', colour: [0, 0, 0] },
  { name: 'building', colour: [70, 70, 70] },
  { name: 'fence', colour: [190, 153, 153] },
  { name: 'other', colour: [250, 170, 160] },
  { name: 'pedestrian', colour: [220, 20, 60] },
  { name: 'pole', colour: [153, 153, 153] },
  { name: 'road line', colour: [157, 234, 50] },
  { name: 'road', colour: [128, 64, 128] },
  { name: 'sidewalk', colour: [244, 35, 232] },
  { name: 'vegetation', colour: [107, 142, 35] },
  { name: 'car', colour: [0, 0, 142] },
  { name: 'wall', colour: [102, 102, 156] },
  { name: 'traffic sign', colour: [220, 220, 0] },
  { name: 'anomaly', colour: [60, 250, 240] },
]

/** Where each split lies, and how the ids of its samples begin. */
const SPLITS: Readonly<Record<string, { below: string; folder: string; prefix: string }>> = {
  train: { below: 'train', folder: 'training', prefix: 'train' },
  val: { below: 'train', folder: 'validation', prefix: 'val' },
  test: { below: 'test', folder: 'test', prefix: 'test' },
  t5: { below: 'test', folder: 'test/t5', prefix: 'test/t5' },
  t6: { below: 'test', folder: 'test/t6', prefix: 'test/t6' },
}

/**
 * Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings" (ICML 2022). Value 1 is both the sky
 * and what has no label, and a class of its own. "other" is an inlier in Hendrycks' numbers (view hendrycks) and ignored in
 * those of DenseHybrid (views closed, ood and osr).
 */
export const streethazards: CatalogueEntry = {
  scheme: 'streethazards',
  title: 'StreetHazards',
  roles: ['labels', 'anomalies'],
  homepage: 'https://github.com/hendrycks/anomaly-seg',
  licence: 'no terms stated with the data; scenes of CARLA',
  layout:
    'train/{images,annotations}/{training,validation}/TOWN/*.png, test/{images,annotations}/test/{t5,t6}/*.png',
  splits: {
    train: { images: 5125 },
    val: { images: 1031 },
    test: { images: 1500 },
    t5: { about: 'test images of town 5: a fold of the two-fold protocol' },
    t6: { about: 'test images of town 6: the other fold' },
  },
  views: {
    closed: '12 known classes; "other" and anomalies are ignored',
    ood: 'anomalies against the 12 known classes; "other" is ignored',
    osr: '12 known classes and anomalies as unknown; "other" is ignored',
    hendrycks: '13 classes with "other" as one of them, and anomalies as unknown',
  },
  async open({ root, splits, view, name, signal }) {
    if (splits.includes('test') && splits.some((split) => split === 't5' || split === 't6')) {
      throw invalid('split', 'test, or its towns t5 and t6, but not both', splits.join())
    }
    const places = splits.map((split) => SPLITS[split])
    await checkLayout(
      'StreetHazards',
      root,
      places.flatMap(({ below, folder }) => [
        join(below, 'images', folder),
        join(below, 'annotations', folder),
      ]),
    )
    const entries: FileEntry[] = []
    for (const { below, folder, prefix } of places) {
      const pairs = await pairFiles({
        root,
        images: join(below, 'images', folder),
        labels: join(below, 'annotations', folder),
        id: (stem) => `${prefix}/${stem}`,
        signal,
      })
      entries.push(...pairs.values())
    }
    return labelledFiles(name, entries, streetHazardsTable(view))
  },
}

/**
 * The fold of the two-fold protocol that a test sample belongs to, from its id such as `test/t5/0001`.
 *
 * The official code divides by a town named anywhere in the path and, with the test reversed, evaluates the images of t6
 * under the name t5. Here a fold holds the images of the town it is named after.
 *
 * @throws DenseHybridError INVALID_ARGUMENT for an id of another split, or of a test town that is neither
 */
export function streetHazardsFold(id: string): StreetHazardsFold {
  const town = typeof id === 'string' ? /(?:^|\/)test\/(t5|t6)\//.exec(id)?.[1] : undefined
  if (town === undefined)
    throw invalid('id', 'the id of a StreetHazards test sample such as test/t5/0001', id)
  return town as StreetHazardsFold
}

function streetHazardsTable(view: string): LabelTable {
  const name = 'the list of StreetHazards values'
  const ignored = view === 'hendrycks' ? [] : ['other']
  const classes: ColouredClass[] = []
  const meanings = new Map<number, Meaning>()
  for (const [index, value] of VALUES.entries()) {
    if (value.name === 'anomaly') meanings.set(index + 1, 'anomaly')
    else if (ignored.includes(value.name)) meanings.set(index + 1, 'ignore')
    else meanings.set(index + 1, { known: classes.push(value) - 1 })
  }
  if (view === 'ood') return anomalyTable(name, meanings)
  return (view === 'closed' ? closedTable : openSetTable)(name, classes, meanings)
}
