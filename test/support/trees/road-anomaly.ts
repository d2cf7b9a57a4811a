import { palettePng } from '../../../lib/data/png-labels.ts'
import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Road Anomaly: label files in a folder beside each image; that of the second one is a palette PNG. */
export async function writeRoadAnomaly(folder: TempFolder): Promise<string> {
  const root = 'RoadAnomaly_jpg'
  const names = ['animals01_Guiguinto_railway', 'animals02_horse.on_road']
  await folder.write(`${root}/frame_list.json`, JSON.stringify(names.map((name) => `${name}.jpg`)))
  for (const [seed, name] of names.entries()) {
    const labels = await stripes([0, 2])
    const colours = Uint8Array.from({ length: 768 }, (_, i) => 255 - (i % 256))
    await folder.write(`${root}/frames/${name}.jpg`, await picture(seed, 'jpeg'))
    const files = `${root}/frames/${name}.labels`
    await folder.write(`${files}/labels_semantic.png`, seed === 1 ? palettePng(labels, colours) : labels)
    await folder.write(`${files}/labels_semantic_color.png`, await picture(seed))
    await folder.write(`${files}/labels_instance.png`, await stripes([0, 1]))
    // Not of the release: what a labelling tool may leave there.
    await folder.write(`${files}/preview.jpg`, await picture(seed, 'jpeg'))
  }
  return `${folder.path}/${root}`
}
