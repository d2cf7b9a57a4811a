import type { CatalogueEntry } from './entry.ts'
import { openTrack, type TrackSplit } from './segment-me.ts'

const TITLE = 'RoadAnomaly21'

const SPLITS: Readonly<Record<string, TrackSplit>> = {
  test: { has: (stem) => !stem.startsWith('validation'), unpublished: true },
  validation: { has: (stem) => stem.startsWith('validation'), unpublished: false },
}

/** Chan et al., "SegmentMeIfYouCan: A Benchmark for Anomaly Segmentation" (NeurIPS 2021), the anomaly track. */
export const roadAnomaly21: CatalogueEntry = {
  scheme: 'road-anomaly-21',
  title: TITLE,
  roles: ['anomalies'],
  homepage: 'https://segmentmeifyoucan.com',
  licence: 'research; the images have licences of their own',
  layout: 'images/*.jpg, labels_masks/*_labels_semantic.png (dataset_AnomalyTrack)',
  splits: {
    test: { images: 100, about: 'labels are not published: all pixels are ignored; scores are submitted' },
    validation: { images: 10 },
  },
  views: { anomalies: 'anomalies against all other labelled pixels' },
  open: (options) => openTrack(TITLE, SPLITS, options),
}
