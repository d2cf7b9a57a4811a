import { join } from 'node:path'
import { Segmenter } from '../../../lib/segmenter.ts'
import { convertWeights } from '../../../lib/weights/convert.ts'
import type { TempFolder } from '../image-files.ts'
import { writeAde20k } from './ade20k.ts'
import { writeCityscapes } from './cityscapes.ts'
import { writeCoco } from './coco.ts'
import { writeFishyscapesFine } from './fishyscapes-lost-found.ts'
import { writeFishyscapesStatic } from './fishyscapes-static.ts'
import { writeLostAndFound } from './lost-and-found.ts'
import { writeVistas } from './mapillary.ts'
import { picture, stripes } from './pictures.ts'
import { writeRoadAnomaly21 } from './road-anomaly-21.ts'
import { writeRoadObstacle21 } from './road-obstacle-21.ts'
import { writeStreetHazards } from './streethazards.ts'

/** What every `--data NAME=…` of a shipped recipe is given in a smoke run: the fixture tree of that data set. */
export const RECIPE_TREES: Readonly<Record<string, (folder: TempFolder) => Promise<string>>> = {
  ade20k: writeAde20k,
  'anomaly-track': writeRoadAnomaly21,
  anomalies: writeAnomalies,
  camvid: writeCamvid,
  cityscapes: (folder) => writeCityscapes(folder),
  coco: (folder) => writeCoco(folder),
  'lost-and-found': (folder) => writeLostAndFound(folder),
  'lost-found': writeFishyscapesFine,
  mapillary: (folder) => writeVistas(folder, '1.2', 48),
  negatives: writeNegatives,
  'obstacle-track': writeRoadObstacle21,
  static: (folder) => writeFishyscapesStatic(folder),
  streethazards: writeStreetHazards,
  wrn38: writeWeights,
}

const CAMVID = 'Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist'.split(' ')

/** CamVid with 11 classes, two images a split. */
async function writeCamvid(folder: TempFolder): Promise<string> {
  const values = [...CAMVID.keys(), 11]
  for (const split of ['train', 'val', 'test']) {
    for (const seed of [0, 1]) {
      await folder.write(`camvid/${split}/images/${seed}.png`, await picture(seed))
      await folder.write(`camvid/${split}/labels/${seed}.png`, await stripes(values))
    }
  }
  await folder.write(
    'camvid/classes.json',
    JSON.stringify({ classes: [...CAMVID, 'Void'], ignore_index: 11 }),
  )
  return join(folder.path, 'camvid')
}

/** Pictures with masks and instances. */
async function writeNegatives(folder: TempFolder): Promise<string> {
  for (const seed of [0, 1, 2]) {
    await folder.write(`negatives/images/${seed}.jpg`, await picture(seed, 'jpeg'))
    await folder.write(`negatives/masks/${seed}.png`, await stripes([0, 17, 3, 18]))
    await folder.write(`negatives/instances/${seed}.png`, await stripes([0, 1, 2, 3]))
  }
  const names = 'person,bicycle,car,motorcycle,bus,train,truck,traffic light,stop sign'.split(',')
  const categories = Object.fromEntries([...names.map((name, i) => [i + 1, name]), [17, 'cat'], [18, 'dog']])
  await folder.write('negatives/coco_categories.json', JSON.stringify(categories))
  return join(folder.path, 'negatives')
}

/** Photos with masks of anomalies. */
async function writeAnomalies(folder: TempFolder): Promise<string> {
  for (const seed of [0, 1]) {
    await folder.write(`anomalies/images/${seed}.jpg`, await picture(seed, 'jpeg'))
    await folder.write(`anomalies/masks/${seed}.png`, await stripes([0, 1, 255]))
  }
  return join(folder.path, 'anomalies')
}

/** Weights of the network that takes the place of a large one, as a `.pth` with `module.` before every name. */
async function writeWeights(folder: TempFolder): Promise<string> {
  const model = await Segmenter.create({ architecture: 'deeplabv3plus-resnet18', classes: 19 })
  const path = join(folder.path, 'weights.safetensors')
  await model.save(path)
  model.dispose()
  await convertWeights(path, join(folder.path, 'weights.pth'), { prefix: 'module.' })
  return join(folder.path, 'weights.pth')
}
