import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** The anomaly track of SegmentMeIfYouCan: labels of the validation images alone. Returns the root. */
export async function writeRoadAnomaly21(folder: TempFolder): Promise<string> {
  const root = 'dataset_AnomalyTrack'
  let seed = 0
  for (const name of ['airplane0000', 'airplane0001', 'zebra0000', 'validation0000', 'validation0001']) {
    await folder.write(`${root}/images/${name}.jpg`, await picture(seed++, 'jpeg'))
    if (!name.startsWith('validation')) continue
    const masks = `${root}/labels_masks/${name}`
    await folder.write(`${masks}_labels_semantic.png`, await stripes([0, 1, 255]))
    await folder.write(`${masks}_labels_semantic_color.png`, await picture(seed))
  }
  return `${folder.path}/${root}`
}
