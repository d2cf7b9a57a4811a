import type { CatalogueEntry } from './entry.ts'
import { FISHYSCAPES_VIEWS, FLAT, IN_FOLDERS, openFishyscapes } from './fishyscapes-files.ts'

/**
 * Blum et al., "The Fishyscapes Benchmark: Measuring Blind Spots in Semantic Segmentation" (IJCV 2021), Static: objects
 * pasted into images of Cityscapes.
 */
export const fishyscapesStatic: CatalogueEntry = {
  scheme: 'fishyscapes-static',
  title: 'Fishyscapes Static',
  roles: ['anomalies'],
  homepage: 'https://fishyscapes.com',
  licence: 'images: terms of Cityscapes, non-commercial research',
  layout: '*_rgb.jpg with *_labels.png; or leftImg8bit with ood or gtFine; or original with labels',
  splits: { validation: { images: 30, about: 'the test images are not public' } },
  defaultSplit: 'validation',
  views: FISHYSCAPES_VIEWS,
  open: (options) => openFishyscapes('Fishyscapes Static', [FLAT, ...IN_FOLDERS], options),
}
