import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Fishyscapes Static as its code generates it: one folder with pairs of files. Returns the root. */
export async function writeFishyscapesStatic(
  folder: TempFolder,
  names: readonly string[] = ['0000_frankfurt_000000_000294', '0003_frankfurt_000001_034047'],
): Promise<string> {
  for (const [seed, name] of names.entries()) {
    await folder.write(`fs_static/${name}_rgb.jpg`, await picture(seed, 'jpeg'))
    await folder.write(`fs_static/${name}_labels.png`, await stripes([0, 1, 255]))
  }
  await folder.write('fs_static/dataset_info.json', '{}')
  return `${folder.path}/fs_static`
}

/** The folders `original`, `labels` and `labels_with_ROI`, with the same names in all. Returns the root. */
export async function writeFishyscapesOriginal(
  folder: TempFolder,
  names: readonly string[] = ['0', '1', '10'],
): Promise<string> {
  for (const [seed, name] of names.entries()) {
    await folder.write(`Static/original/${name}.png`, await picture(seed))
    await folder.write(`Static/labels/${name}.png`, await stripes([0, 1]))
    await folder.write(`Static/labels_with_ROI/${name}.png`, await stripes([255, 0, 1, 255]))
    await folder.write(`Static/entropy/${name}.png`, await stripes([7, 9]))
  }
  return `${folder.path}/Static`
}
