import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Training ids 0 … 15: what training images of BDD-Anomaly show. */
const KNOWN_IDS: readonly number[] = Array.from({ length: 16 }, (_, id) => id)

/** Training ids of each image; 255 has no label. */
const IMAGES: Readonly<Record<string, readonly number[]>> = {
  'train/0000f77c-6257be58': [...KNOWN_IDS, 255],
  'train/0004a4c0-d4dff0ad': [0, 10, 18],
  'train/00054602-3bf57337': [0, 13],
  'val/7d06fefd-f7be05a6': [0, 2, 255],
  'val/7d128593-0ccfea4c': [0, 17],
  'val/7d15b18b-1e0d6e3f': [16, 8],
}

/**
 * A tree with the files of BDD-Anomaly: images as JPEG, and label maps as in Hendrycks' repository (training id + 2, 1
 * without label) or as in BDD100K (training ids, 255 without label).
 */
export async function writeBddAnomaly(
  folder: TempFolder,
  labels: 'train_labels' | 'labels' = 'train_labels',
): Promise<string> {
  let seed = 0
  for (const [id, ids] of Object.entries(IMAGES)) {
    const values = labels === 'labels' ? ids : ids.map((one) => (one === 255 ? 1 : one + 2))
    await folder.write(`bdd/seg/images/${id}.jpg`, await picture(seed++, 'jpeg'))
    await folder.write(`bdd/seg/${labels}/${id}_train_id.png`, await stripes(values))
    await folder.write(`bdd/seg/color_labels/${id.replace('/', '/x-')}_train_color.png`, await picture(seed))
  }
  return `${folder.path}/bdd`
}

/** One of the list files that Hendrycks' script writes. */
export async function writeBddList(
  folder: TempFolder,
  name: string,
  ids: readonly string[],
): Promise<string> {
  const items = ids.map((id) => ({
    dbName: 'BDD100k',
    width: 1280,
    height: 720,
    fpath_img: `seg/images/${id}.jpg`,
    fpath_segm: `seg/train_labels/${id}_train_id.png`,
  }))
  return folder.write(`bdd/${name}`, JSON.stringify(items))
}
