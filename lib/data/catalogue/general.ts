import type { CatalogueEntry } from './entry.ts'

/** What is known of a scheme without looking at files. */
export interface SchemeDescription
  extends Pick<CatalogueEntry, 'scheme' | 'title' | 'roles' | 'layout' | 'splits' | 'views'> {
  readonly homepage?: string
  readonly licence?: string
  readonly defaultSplit?: string
  /** Further keys of its specs, each with one line on it. */
  readonly keys: Readonly<Record<string, string>>
  /** A spec that shows how it is written. */
  readonly example: string
}

/** Schemes that read any folder, and the data that comes with the package. */
export const GENERAL_SCHEMES: readonly SchemeDescription[] = [
  {
    scheme: 'camvid',
    title: 'CamVid, 11 classes',
    roles: ['labels'],
    homepage: 'http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/',
    licence: 'no terms stated with the data; its authors ask to be cited',
    layout: 'SPLIT/images/*, SPLIT/labels/*.png, classes.json',
    splits: { train: { images: 367 }, val: { images: 101 }, test: { images: 233 } },
    views: {},
    keys: {},
    example: 'camvid:CamVid?split=train,val',
  },
  {
    scheme: 'folder',
    title: 'any images with label maps',
    roles: ['labels', 'negatives'],
    layout: 'a folder of images, one of label maps with the same names, a JSON of classes',
    splits: {},
    views: {},
    keys: {
      images: 'folder of the images (images)',
      labels: 'folder of the label maps',
      instances: 'folder of instance maps',
      mapping: 'JSON: names, ids, colours, what is ignored or unknown',
      unlisted: 'error or ignore: label values that the mapping does not list',
      list: 'a text file with the names of the images',
      'image-suffix': 'taken off the names of images',
      'label-suffix': 'taken off the names of label maps',
    },
    example: 'folder:photos?images=rgb&labels=gt&mapping=classes.json',
  },
  {
    scheme: 'anomaly',
    title: 'any images with masks of anomalies',
    roles: ['anomalies'],
    layout: 'a folder of images, one of masks: 0 known, 1 anomaly, 255 ignored',
    splits: {},
    views: {},
    keys: {
      images: 'folder of the images (images)',
      masks: 'folder of the masks (masks)',
      inlier: 'values of known pixels (0)',
      anomaly: 'values of anomalies (1), e.g. 2-200',
      ignore: 'values of pixels that are left out (255)',
    },
    example: 'anomaly:road_anomaly?size=640x360',
  },
  {
    scheme: 'scenes',
    title: 'generated street scenes',
    roles: ['labels', 'anomalies', 'negatives'],
    layout: 'nothing: they are drawn from a seed (as negatives: scenes:?seed=1)',
    splits: {},
    views: {},
    keys: {
      seed: 'of the scenes',
      length: 'number of scenes',
      width: 'in pixels',
      height: 'in pixels',
      anomalies: 'true or false',
    },
    example: 'scenes:test?seed=1&length=60',
  },
]
