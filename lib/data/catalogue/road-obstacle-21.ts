import type { CatalogueEntry } from './entry.ts'
import { openTrack, type TrackSplit } from './segment-me.ts'

const TITLE = 'RoadObstacle21'

const TEST_SCENES = [
  'curvy-street',
  'one-way-street',
  'gravel',
  'greyasphalt',
  'motorway',
  'paving',
  'darkasphalt',
  'darkasphalt2',
]
const SNOWSTORM_SCENES = ['snowstorm1', 'snowstorm2']
const NIGHT_SCENES = ['driveway']

/** Images of the scene `validation` that the publishers leave out. */
const LEFT_OUT = [19, 21, 22, 23, 24, 25, 26, 27, 28, 29].map((number) => `validation_${number}`)

/** An image's scene is what stands before the first "_" of its name. */
function ofScenes(scenes: readonly string[]): TrackSplit {
  return { has: (stem) => scenes.includes(stem.split('_', 1)[0]), unpublished: true }
}

const SPLITS: Readonly<Record<string, TrackSplit>> = {
  test: ofScenes(TEST_SCENES),
  validation: {
    has: (stem) =>
      stem.split('_', 1)[0] === 'validation' && !LEFT_OUT.some((prefix) => stem.startsWith(prefix)),
    unpublished: false,
  },
  night: ofScenes(NIGHT_SCENES),
  snowstorm: ofScenes(SNOWSTORM_SCENES),
  // 382 images, as published. The benchmark's code now counts the validation images, too, and then refuses their number.
  noNight: ofScenes([...TEST_SCENES, ...SNOWSTORM_SCENES]),
}

const UNPUBLISHED = 'labels are not published: all pixels are ignored; scores are submitted'

/** Chan et al., "SegmentMeIfYouCan: A Benchmark for Anomaly Segmentation" (NeurIPS 2021), the obstacle track. */
export const roadObstacle21: CatalogueEntry = {
  scheme: 'road-obstacle-21',
  title: TITLE,
  roles: ['anomalies'],
  homepage: 'https://segmentmeifyoucan.com',
  licence: 'research; see the archive',
  layout: 'images/*.webp, labels_masks/*_labels_semantic.png (dataset_ObstacleTrack)',
  splits: {
    test: { images: 327, about: `by day in fair weather; ${UNPUBLISHED}` },
    validation: { images: 30 },
    night: { images: 30, about: UNPUBLISHED },
    snowstorm: { images: 55, about: UNPUBLISHED },
    noNight: { images: 382, about: `test and snowstorm; ${UNPUBLISHED}` },
  },
  views: { anomalies: 'obstacles on the road against the road; all else is ignored' },
  open: (options) => openTrack(TITLE, SPLITS, options),
}
