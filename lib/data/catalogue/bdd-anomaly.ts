import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LabelTable } from '../datasets/label-table.ts'
import { type FileEntry, labelledFiles } from '../datasets/labelled-files.ts'
import { pairFiles } from '../datasets/pair-files.ts'
import { readBddLists } from './bdd-anomaly-lists.ts'
import { CITYSCAPES_CLASSES } from './cityscapes-classes.ts'
import type { CatalogueEntry } from './entry.ts'
import { imagesWithUnknown } from './images-with-unknown.ts'
import { checkLayout } from './layout.ts'
import { anomalyTable, type ColouredClass, closedTable, type Meaning, openSetTable } from './views.ts'

/** Classes that are left out of training; images that show one of them are the test set. */
const ANOMALIES: readonly string[] = ['train', 'motorcycle', 'bicycle']

/** Where label maps lie and what is added to the training ids in them. */
interface Encoding {
  readonly folder: string
  readonly offset: number
}

/** The files of Hendrycks' repository: training id + 2; 1 is what has no label. */
const STORED: Encoding = { folder: join('seg', 'train_labels'), offset: 2 }

/** The files of BDD100K: training ids; 255 is what has no label. */
const ORIGINAL: Encoding = { folder: join('seg', 'labels'), offset: 0 }

/**
 * Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings" (ICML 2022), on images of BDD100K
 * (Yu et al., CVPR 2020). The published division comes from the labels: the training and validation images without train,
 * motorcycle and bicycle are train and val, all others test.
 *
 * Hendrycks' evaluation counts pixels without label as inliers; here they are ignored.
 */
export const bddAnomaly: CatalogueEntry = {
  scheme: 'bdd-anomaly',
  title: 'BDD-Anomaly',
  roles: ['labels', 'anomalies'],
  homepage: 'https://github.com/hendrycks/anomaly-seg',
  licence: 'own terms of BDD100K, non-commercial research; registration',
  layout:
    'seg/images/{train,val}/*.jpg, seg/train_labels/{train,val}/*_train_id.png (or seg/labels as in BDD100K); ' +
    'where they are there: train.odgt, validation.odgt, anom.odgt or test.odgt',
  splits: {
    train: { images: 6280 },
    val: { images: 910 },
    test: { images: 810, about: 'all images with a train, motorcycle or bicycle' },
  },
  views: {
    closed: '16 known classes; train, motorcycle and bicycle are ignored',
    ood: 'train, motorcycle and bicycle against the 16 known classes',
  },
  async open({ root, splits, view, name, signal }) {
    const images = join('seg', 'images')
    await checkLayout('BDD-Anomaly', root, [images])
    const encoding = await findEncoding(root)
    await checkLayout('BDD-Anomaly', root, [images, encoding.folder])
    const { classes, meanings } = meaningsOf(encoding)
    const source = `the list of ${encoding === STORED ? 'BDD-Anomaly' : 'BDD100K'} values`
    const bySplit = await divide(root, splits, encoding, openSetTable(source, classes, meanings), signal)
    const table = view === 'ood' ? anomalyTable(source, meanings) : closedTable(source, classes, meanings)
    return labelledFiles(
      name,
      splits.flatMap((split) => bySplit[split]),
      table,
    )
  },
}

async function findEncoding(root: string): Promise<Encoding> {
  const isThere = async ({ folder }: Encoding) => (await stat(join(root, folder)).catch(() => null)) !== null
  return !(await isThere(STORED)) && (await isThere(ORIGINAL)) ? ORIGINAL : STORED
}

function meaningsOf({ offset }: Encoding): { classes: ColouredClass[]; meanings: Map<number, Meaning> } {
  const classes: ColouredClass[] = []
  const meanings = new Map<number, Meaning>()
  if (offset > 0) meanings.set(1, 'ignore')
  for (const [trainId, one] of CITYSCAPES_CLASSES.entries()) {
    if (ANOMALIES.includes(one.name)) meanings.set(trainId + offset, 'anomaly')
    else meanings.set(trainId + offset, { known: classes.push(one) - 1 })
  }
  return { classes, meanings }
}

/** The entries of the splits: as the lists have them, or by what the label files hold. */
async function divide(
  root: string,
  splits: readonly string[],
  encoding: Encoding,
  table: LabelTable,
  signal: AbortSignal | undefined,
): Promise<Record<string, FileEntry[]>> {
  const read = async (folder: string): Promise<FileEntry[]> => {
    const pairs = await pairFiles({
      root,
      images: join('seg', 'images', folder),
      labels: join(encoding.folder, folder),
      labelSuffix: '_train_id',
      id: (stem) => `${folder}/${stem}`,
      signal,
    })
    return [...pairs.values()]
  }
  const lists = await readBddLists(root, signal)
  if (lists !== undefined) return lists.divide([...(await read('train')), ...(await read('val'))])
  const bySplit: Record<string, FileEntry[]> = { train: [], val: [], test: [] }
  for (const folder of ['train', 'val']) {
    if (!splits.includes(folder) && !splits.includes('test')) continue
    const { unknown, known } = await imagesWithUnknown(await read(folder), table, signal)
    bySplit[folder] = known
    bySplit.test.push(...unknown)
  }
  return bySplit
}
