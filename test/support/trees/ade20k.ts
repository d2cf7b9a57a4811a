import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Images are wide enough for a column of every value. */
export const ADE_SIZE = { width: 151, height: 40 } as const

/** Label values by image. */
const IMAGES: Readonly<Record<string, readonly number[]>> = {
  'training/ADE_train_00000001': Array.from({ length: 151 }, (_, value) => value),
  'training/ADE_train_00000002': [0, 1, 13, 21],
  'validation/ADE_val_00000001': [3, 5],
}

/** A tree as ADEChallengeData2016.zip is unpacked. */
export async function writeAde20k(folder: TempFolder): Promise<string> {
  const root = 'ADEChallengeData2016'
  let seed = 0
  for (const [image, values] of Object.entries(IMAGES)) {
    await folder.write(`${root}/images/${image}.jpg`, await picture(seed++, 'jpeg', ADE_SIZE))
    await folder.write(`${root}/annotations/${image}.png`, await stripes(values, ADE_SIZE))
  }
  await folder.write(`${root}/objectInfo150.txt`, 'Idx\tRatio\tTrain\tVal\tName\n')
  await folder.write(`${root}/sceneCategories.txt`, 'ADE_train_00000001 airport_terminal\n')
  return `${folder.path}/${root}`
}
