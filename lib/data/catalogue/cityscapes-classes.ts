import type { Colour } from '../../palette.ts'

/** The 19 evaluated classes of Cityscapes by training id, with the id in `labelIds` files and the official colour. */
export const CITYSCAPES_CLASSES: readonly { name: string; id: number; colour: Colour }[] = [
  { name: 'road', id: 7, colour: [128, 64, 128] },
  { name: 'sidewalk', id: 8, colour: [244, 35, 232] },
  { name: 'building', id: 11, colour: [70, 70, 70] },
  { name: 'wall', id: 12, colour: [102, 102, 156] },
  { name: 'fence', id: 13, colour: [190, 153, 153] },
  { name: 'pole', id: 17, colour: [153, 153, 153] },
  { name: 'traffic light', id: 19, colour: [250, 170, 30] },
  { name: 'traffic sign', id: 20, colour: [220, 220, 0] },
  { name: 'vegetation', id: 21, colour: [107, 142, 35] },
  { name: 'terrain', id: 22, colour: [152, 251, 152] },
  { name: 'sky', id: 23, colour: [70, 130, 180] },
  { name: 'person', id: 24, colour: [220, 20, 60] },
  { name: 'rider', id: 25, colour: [255, 0, 0] },
  { name: 'car', id: 26, colour: [0, 0, 142] },
  { name: 'truck', id: 27, colour: [0, 0, 70] },
  { name: 'bus', id: 28, colour: [0, 60, 100] },
  { name: 'train', id: 31, colour: [0, 80, 100] },
  { name: 'motorcycle', id: 32, colour: [0, 0, 230] },
  { name: 'bicycle', id: 33, colour: [119, 11, 32] },
]
