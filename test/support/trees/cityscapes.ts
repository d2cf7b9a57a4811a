import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** A tree as Cityscapes is distributed, one image for each named split and city. */
export async function writeCityscapes(
  folder: TempFolder,
  splits: Record<string, string[]> = { train: ['aachen', 'bremen'], val: ['frankfurt'] },
): Promise<string> {
  let seed = 0
  for (const [split, cities] of Object.entries(splits)) {
    for (const city of cities) {
      const stem = `${city}_000000_000019`
      await folder.write(
        `cityscapes/leftImg8bit/${split}/${city}/${stem}_leftImg8bit.png`,
        await picture(seed++),
      )
      const labels = await stripes([7, 8, 11, 23, 24, 26, 33, 4, 0])
      await folder.write(`cityscapes/gtFine/${split}/${city}/${stem}_gtFine_labelIds.png`, labels)
      // Further files of the release that the labels must not be taken from.
      await folder.write(`cityscapes/gtFine/${split}/${city}/${stem}_gtFine_instanceIds.png`, labels)
      await folder.write(`cityscapes/gtFine/${split}/${city}/${stem}_gtFine_polygons.json`, '{}')
    }
  }
  return `${folder.path}/cityscapes`
}
