import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

const NAMES = ['04_Maurener_Weg_8_000000_000030', '04_Maurener_Weg_8_000001_000060']

/** The packaging of DenseHybrid: folders `leftImg8bit` and `ood`, with 2 for ignored pixels. Returns the root. */
export async function writeFishyscapesOod(folder: TempFolder): Promise<string> {
  for (const [seed, name] of NAMES.entries()) {
    await folder.write(`FishyLAF/leftImg8bit/${name}_leftImg8bit.png`, await picture(seed))
    await folder.write(`FishyLAF/ood/${name}_ood_segmentation.png`, await stripes([0, 1, 2]))
  }
  return `${folder.path}/FishyLAF`
}

/** The packaging of Open-set-M2F: folders `leftImg8bit` and `gtFine` in `validation`. Returns that. */
export async function writeFishyscapesFine(folder: TempFolder): Promise<string> {
  for (const [seed, name] of NAMES.entries()) {
    const stem = `000${seed}_${name}`
    await folder.write(`fs_lost_found/validation/leftImg8bit/${stem}_leftImg8bit.png`, await picture(seed))
    await folder.write(`fs_lost_found/validation/gtFine/${stem}_labels.png`, await stripes([0, 1, 255]))
  }
  return `${folder.path}/fs_lost_found/validation`
}

/** The publishers' label files alone, and the images in a tree of Lost and Found. */
export async function writeFishyscapesLabels(
  folder: TempFolder,
): Promise<{ root: string; lostAndFound: string }> {
  for (const [seed, name] of NAMES.entries()) {
    const scene = name.slice(0, -14)
    await folder.write(`fishyscapes_lostandfound/000${seed}_${name}_labels.png`, await stripes([0, 1, 255]))
    await folder.write(`laf/leftImg8bit/test/${scene}/${name}_leftImg8bit.png`, await picture(seed))
  }
  const other = '01_Hanns_Klemm_Str_45'
  await folder.write(
    `laf/leftImg8bit/train/${other}/${other}_000000_000080_leftImg8bit.png`,
    await picture(9),
  )
  return { root: `${folder.path}/fishyscapes_lostandfound`, lostAndFound: `${folder.path}/laf` }
}
