import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

const TEST = [
  'curvy-street_ball_1',
  'one-way-street_box_2',
  'gravel_bottle_1',
  'greyasphalt_dog_3',
  'motorway_tyre_1',
  'paving_boot_4',
  'darkasphalt_canister_1',
  'darkasphalt2_dog_1',
]
const OTHERS = ['snowstorm1_00_1', 'snowstorm2_00_1', 'driveway_101_1', 'driveway_102_1']

/** The obstacle track of SegmentMeIfYouCan: one image a scene of the test, validation_1 to validation_40. */
export async function writeRoadObstacle21(folder: TempFolder): Promise<string> {
  const root = 'dataset_ObstacleTrack'
  const [image, mask, colours] = [await picture(1, 'webp'), await stripes([0, 1, 255]), await picture(2)]
  for (const name of [...TEST, ...OTHERS]) await folder.write(`${root}/images/${name}.webp`, image)
  for (let number = 1; number <= 40; number++) {
    await folder.write(`${root}/images/validation_${number}.webp`, image)
    await folder.write(`${root}/labels_masks/validation_${number}_labels_semantic.png`, mask)
    await folder.write(`${root}/labels_masks/validation_${number}_labels_semantic_color.png`, colours)
  }
  return `${folder.path}/${root}`
}
