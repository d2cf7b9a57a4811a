/** Names of the known classes of the embedded street scenes; the index is the label. */
export const SCENE_CLASSES = [
  'road',
  'lane marking',
  'pavement',
  'building',
  'sky',
  'vegetation',
  'car',
  'person',
  'pole',
  'traffic sign',
] as const

/** The labels of the known classes by a name that code can use. */
export const Known = {
  road: 0,
  marking: 1,
  pavement: 2,
  building: 3,
  sky: 4,
  vegetation: 5,
  car: 6,
  person: 7,
  pole: 8,
  sign: 9,
} as const
