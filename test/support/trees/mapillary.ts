import { palettePng } from '../../../lib/data/png-labels.ts'
import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'
import { VISTAS_LABELS } from './vistas-labels.ts'

/** Id of each label of Vistas v1.2 by its name. */
export const vistasId = (name: string): number => VISTAS_LABELS.findIndex(([path]) => path === name)

/** The configuration of a release. */
export function vistasConfig(labels = VISTAS_LABELS): string {
  return JSON.stringify({
    labels: labels.map(([name, readable, color]) => ({
      color,
      instances: false,
      readable,
      name,
      evaluate: name !== 'void--unlabeled',
    })),
    version: 1.2,
    mapping: 'public',
  })
}

/** Ids of person and of the three riders. */
export const PEOPLE: readonly number[] = [19, 20, 21, 22]
const WITHOUT_PEOPLE = VISTAS_LABELS.map((_, id) => id).filter((id) => !PEOPLE.includes(id))

/** Label values by image. */
const IMAGES: Readonly<Record<string, readonly number[]>> = {
  'training/-0A4cqpJ8ezAxNTlpvbsLg': WITHOUT_PEOPLE,
  'training/0035fkbjWljhaftpVM37-g': [13, 27, 19],
  'training/00qclUcInksIYnm19b1Xfw': [13, 65],
  'validation/-BXkjLWqQfWpPgjTWqSlyA': [15, 22],
  'validation/0OT6tGbk6PBBWVS0SsjRWw': [15, 17],
}

/**
 * A tree as Vistas is unpacked: JPEG images and palette PNG label maps.
 *
 * @param version '1.2': labels below `v1.2/labels` and `config.json`; 'both': the archive of 2.0, which holds 1.2, too;
 * 'first': labels below `labels`
 * @param height of the images, which are wide enough for a column of every label
 */
export async function writeVistas(
  folder: TempFolder,
  version: '1.2' | 'both' | 'first' = '1.2',
  height = 8,
): Promise<string> {
  let seed = 0
  for (const [image, values] of Object.entries(IMAGES)) {
    const [split, name] = image.split('/')
    await folder.write(
      `vistas/${split}/images/${name}.jpg`,
      await picture(seed++, 'jpeg', { width: 66, height }),
    )
    const labels = await vistasLabelMap(values, height)
    await folder.write(`vistas/${split}/${version === 'first' ? '' : 'v1.2/'}labels/${name}.png`, labels)
    if (version === 'both')
      await folder.write(`vistas/${split}/v2.0/labels/${name}.png`, await stripes([123]))
  }
  await folder.write('vistas/testing/images/0-_BqvNxkfYHQ9Bk2FgyHw.jpg', await picture(seed, 'jpeg'))
  await folder.write(`vistas/config${version === 'both' ? '_v1.2' : ''}.json`, vistasConfig())
  if (version === 'both') await folder.write('vistas/config_v2.0.json', '{"labels": []}')
  return `${folder.path}/vistas`
}

/** Vistas-NP as the authors' script writes it. */
export async function writeVistasNp(folder: TempFolder): Promise<string> {
  let seed = 0
  for (const [image, values] of Object.entries(IMAGES)) {
    const [split, name] = image.split('/')
    const target = values.some((value) => PEOPLE.includes(value)) ? 'test' : split
    const size = { width: 66, height: 8 }
    await folder.write(`vistas-np/${target}/images/${name}.jpg`, await picture(seed++, 'jpeg', size))
    await folder.write(`vistas-np/${target}/labels/${name}.png`, await vistasLabelMap(values))
  }
  await folder.write('vistas-np/config.json', vistasConfig())
  return `${folder.path}/vistas-np`
}

/** A palette PNG in the colours of the labels, as in the release. */
export async function vistasLabelMap(values: readonly number[], height = 8): Promise<Buffer> {
  const colours = new Uint8Array(256 * 3)
  for (const [id, [, , colour]] of VISTAS_LABELS.entries()) colours.set(colour, 3 * id)
  return palettePng(await stripes(values, { width: 66, height }), colours)
}
