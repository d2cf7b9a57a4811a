import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import type { LabelTable } from '../datasets/label-table.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { pairFiles } from '../datasets/pair-files.ts'
import { anomalyTable } from './anomaly-table.ts'
import type { CatalogueEntry } from './entry.ts'
import { checkLayout } from './layout.ts'
import { entriesOfSplits } from './select-split.ts'

interface LostAndFoundSplit {
  /** Its folder. */
  readonly folder: 'train' | 'test'
  /** Number of images in the folder of the release. */
  readonly released: number
  /** Positions, in the order of the names, of images whose label files are empty. */
  readonly withoutLabels?: readonly number[]
  /** Starts of names of images with children or bicycles, which Cityscapes knows. */
  readonly known?: readonly string[]
}

const TEST: LostAndFoundSplit = { folder: 'test', released: 1203 }
const TRAIN: LostAndFoundSplit = { folder: 'train', released: 1036 }
const TEST_WITHOUT_LABELS = [17, 37, 55, 72, 91, 110, 129, 153, 174, 197, 218, 353, 490, 618, 686, 792, 793]

/** The parts that SegmentMeIfYouCan measures on. */
const SPLITS: Readonly<Record<string, LostAndFoundSplit>> = {
  train: TRAIN,
  test: TEST,
  testValid: { ...TEST, withoutLabels: TEST_WITHOUT_LABELS },
  testNoKnown: {
    ...TEST,
    withoutLabels: TEST_WITHOUT_LABELS,
    known: [
      '15_Rechbergstr_Deckenpfronn',
      '01_Hanns_Klemm_Str_45_000006',
      '01_Hanns_Klemm_Str_45_000007',
      '10_Schlossberg_9_000004',
    ],
  },
  trainValid: { ...TRAIN, withoutLabels: [44, 67, 88, 109, 131, 614] },
}

const OBSTACLES = Array.from({ length: 199 }, (_, i) => 2 + i)
const BEYOND = Array.from({ length: 54 }, (_, i) => 201 + i)

/** Label files by view, with what their values mean. */
const VIEWS: Readonly<Record<string, LabelTable>> = {
  labelIds: anomalyTable('labelIds of Lost and Found', {
    inlier: [1],
    anomaly: OBSTACLES,
    ignore: [0, ...BEYOND],
  }),
  labelTrainIds: anomalyTable('labelTrainIds of Lost and Found', { inlier: [1], anomaly: [2] }),
}

/** Pinggera et al., "Lost and Found: Detecting Small Road Hazards for Self-Driving Vehicles" (IROS 2016). */
export const lostAndFound: CatalogueEntry = {
  scheme: 'lost-and-found',
  title: 'Lost and Found',
  roles: ['anomalies'],
  homepage: 'http://wwwlehre.dhbw-stuttgart.de/~sgehrig/lostAndFoundDataset/index.html',
  licence: 'own terms, non-commercial',
  layout: 'leftImg8bit/SPLIT/SCENE/*_leftImg8bit.png, gtCoarse/SPLIT/SCENE/*_gtCoarse_labelIds.png',
  splits: {
    train: { images: 1036 },
    test: { images: 1203 },
    testValid: { images: 1186, about: 'test without images whose label files are empty' },
    testNoKnown: { images: 1043, about: 'testValid without scenes with children or bicycles' },
    trainValid: { images: 1030, about: 'train without images whose label files are empty' },
  },
  views: {
    labelIds: 'obstacles (2 to 200) against free space (1); all else is ignored',
    labelTrainIds: 'the same by the training ids: obstacles 2, free space 1, ignored 255',
  },
  async open({ root, splits, view, name, signal }) {
    await checkLayout('Lost and Found', root, ['leftImg8bit', 'gtCoarse'])
    const entries = await entriesOfSplits(root, splits, async (split) => {
      const { folder } = SPLITS[split]
      const pairs = await pairFiles({
        root,
        images: join('leftImg8bit', folder),
        labels: join('gtCoarse', folder),
        imageSuffix: '_leftImg8bit',
        labelSuffix: `_gtCoarse_${view}`,
        id: (stem) => `${folder}/${stem}`,
        signal,
      })
      return selectImages(join(root, 'leftImg8bit', folder), [...pairs.values()], split)
    })
    return labelledFiles(name, entries, VIEWS[view])
  },
}

/** The entries of a split, in the order of the images' names, which the publishers' positions count in. */
function selectImages(folder: string, entries: readonly FileEntry[], split: string): FileEntry[] {
  const { released, withoutLabels, known = [] } = SPLITS[split]
  const named = entries
    .map((entry) => ({ entry, imageName: entry.id.slice(entry.id.lastIndexOf('/') + 1) }))
    .sort((a, b) => (a.imageName < b.imageName ? -1 : 1))
  if (withoutLabels !== undefined && named.length !== released) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${folder} holds ${named.length} images; ${split} is defined by positions among the ${released} of the release.`,
      { hint: `Unpack the whole archive, or take the split ${SPLITS[split].folder}.` },
    )
  }
  return named
    .filter((_, position) => withoutLabels?.includes(position) !== true)
    .filter(({ imageName }) => !known.some((start) => imageName.startsWith(start)))
    .map(({ entry }) => entry)
}
