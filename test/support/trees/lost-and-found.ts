import { mkdir, writeFile } from 'node:fs/promises'
import sharp from 'sharp'
import type { TempFolder } from '../image-files.ts'
import { picture, SIZE, stripes } from './pictures.ts'

/** Images a scene; together as many as the release has. */
const SCENES: Readonly<Record<'train' | 'test', Readonly<Record<string, number>>>> = {
  train: {
    '01_Hanns_Klemm_Str_45': 236,
    '03_Hanns_Klemm_Str_19': 100,
    '06_Galgenbergstr_40': 100,
    '10_Schlossberg_9': 100,
    '11_Parkplatz_Flugfeld': 100,
    '12_Umberto_Nobile_Str': 100,
    '13_Elly_Beinhorn_Str': 200,
    '14_Otto_Lilienthal_Str_24': 100,
  },
  test: {
    '02_Hanns_Klemm_Str_44': 400,
    '04_Maurener_Weg_8': 300,
    '05_Schafgasse_1': 260,
    '07_Festplatz_Flugfeld': 100,
    '15_Rechbergstr_Deckenpfronn': 143,
  },
}

/** Values of label files: background, free space, obstacles, and ids beyond those. */
export const LOST_AND_FOUND_IDS = [0, 1, 2, 42, 200, 201, 254, 255]

/**
 * Lost and Found as it is distributed. Returns the root.
 *
 * @param most images a scene; absent: as many as make up the numbers of the release
 */
export async function writeLostAndFound(folder: TempFolder, most = Infinity): Promise<string> {
  const root = `${folder.path}/lostandfound`
  const image = await picture(1)
  const [ids, trainIds] = [await stripes(LOST_AND_FOUND_IDS), await stripes([255, 1, 2])]
  for (const split of ['train', 'test'] as const) {
    for (const [scene, count] of Object.entries(SCENES[split])) {
      const [images, labels] = [`${root}/leftImg8bit/${split}/${scene}`, `${root}/gtCoarse/${split}/${scene}`]
      await Promise.all([mkdir(images, { recursive: true }), mkdir(labels, { recursive: true })])
      for (let k = 0; k < Math.min(count, most); k++) {
        const name = lostAndFoundName(scene, k)
        await Promise.all([
          writeFile(`${images}/${name}_leftImg8bit.png`, image),
          writeFile(`${labels}/${name}_gtCoarse_labelIds.png`, ids),
          writeFile(`${labels}/${name}_gtCoarse_labelTrainIds.png`, trainIds),
        ])
      }
      await writeFile(`${labels}/${lostAndFoundName(scene, 0)}_gtCoarse_instanceIds.png`, ids)
    }
  }
  return root
}

/** The name of the k-th image of a scene: ten images a sequence, every tenth picture. */
export function lostAndFoundName(scene: string, k: number): string {
  const digits = (value: number): string => String(value).padStart(6, '0')
  return `${scene}_${digits(Math.floor(k / 10))}_${digits((k % 10) * 10)}`
}

/** Adds the disparity map and the camera of an image; disparities are 256 · pixels. */
export async function writeStereo(folder: TempFolder, id: string, disparity: Uint16Array): Promise<void> {
  const png = await sharp(disparity, { raw: { ...SIZE, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer()
  await folder.write(`lostandfound/disparity/${id}_disparity.png`, png)
  const camera = {
    extrinsic: { baseline: 0.2, pitch: 0.03 },
    intrinsic: { fx: 2000, fy: 3000, u0: 32, v0: 24 },
  }
  await folder.write(`lostandfound/camera/${id}_camera.json`, JSON.stringify(camera))
}
