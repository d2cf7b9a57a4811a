import sharp from 'sharp'
import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Values of the annotations that training images have, in order. */
export const KNOWN_VALUES: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

/**
 * A tree as the archives of StreetHazards are unpacked side by side: images with an alpha channel, frames numbered
 * without padding, and the list files of the archives.
 */
export async function writeStreetHazards(folder: TempFolder): Promise<string> {
  const values = [...KNOWN_VALUES, 14]
  await writeFrame(folder, 'train', 'training/t1-3', '1', KNOWN_VALUES)
  await writeFrame(folder, 'train', 'training/t1-3', '2', KNOWN_VALUES)
  await writeFrame(folder, 'train', 'validation/t4', '1', KNOWN_VALUES)
  await writeFrame(folder, 'test', 'test/t5', '1', values)
  await writeFrame(folder, 'test', 'test/t5', '0001', values)
  await writeFrame(folder, 'test', 'test/t6', '1', values)
  await folder.write('streethazards/train/train.odgt', '[]')
  await folder.write('streethazards/test/test.odgt', '[]')
  return `${folder.path}/streethazards`
}

async function writeFrame(
  folder: TempFolder,
  below: string,
  place: string,
  frame: string,
  values: readonly number[],
): Promise<void> {
  const image = await sharp(await picture(Number(frame)))
    .ensureAlpha()
    .png()
    .toBuffer()
  await folder.write(`streethazards/${below}/images/${place}/${frame}.png`, image)
  await folder.write(`streethazards/${below}/annotations/${place}/${frame}.png`, await stripes(values))
}
