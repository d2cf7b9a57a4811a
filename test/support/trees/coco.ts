import sharp from 'sharp'
import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Images are wide enough for a column of every value. */
export const COCO_SIZE = { width: 183, height: 32 } as const

/** The values of label maps: id − 1, and 255 for unlabelled pixels. */
export const COCO_VALUES: readonly number[] = [...Array.from({ length: 182 }, (_, value) => value), 255]

/** Label values by image. */
const IMAGES: Readonly<Record<string, readonly number[]>> = {
  'train2017/000000000009': COCO_VALUES,
  'train2017/000000000025': [0, 7, 168, 255],
  'train2017/000000000030': [123, 168],
  'val2017/000000000139': [0, 2, 9, 148],
}

/**
 * A tree of COCO 2017 with the label maps of COCO-Stuff; the last image is grey, as some of COCO are.
 *
 * @param labels folder of the label maps
 */
export async function writeCoco(folder: TempFolder, labels = 'labels'): Promise<string> {
  let seed = 0
  for (const [image, values] of Object.entries(IMAGES)) {
    const colour = await picture(seed++, 'jpeg', COCO_SIZE)
    const last = image.startsWith('val')
    const file = last ? await sharp(colour).toColourspace('b-w').jpeg().toBuffer() : colour
    await folder.write(`coco/images/${image}.jpg`, file)
    await folder.write(`coco/${labels}/${image}.png`, await stripes(values, COCO_SIZE))
    // Other toolboxes write their own label maps beside those of the release.
    await folder.write(`coco/${labels}/${image}_labelTrainIds.png`, await stripes([0], COCO_SIZE))
  }
  await folder.write('coco/annotations/instances_val2017.json', '{}')
  return `${folder.path}/coco`
}
