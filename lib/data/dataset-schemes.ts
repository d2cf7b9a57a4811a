import { CATALOGUE } from './catalogue/catalogue.ts'
import { catalogueScheme } from './catalogue/scheme.ts'
import type { Dataset } from './dataset.ts'
import { anomalyMasks } from './datasets/anomaly-masks.ts'
import { camvid } from './datasets/camvid.ts'
import { folder } from './datasets/folder.ts'
import type { Unlisted } from './datasets/label-table.ts'
import { scenes } from './scenes/index.ts'
import { type Spec, specError } from './spec.ts'
import { integerValue, labelValues, oneOfListValue, oneOfValue, stringValue } from './spec-values.ts'

/** How specs of one scheme are opened. */
export interface Scheme<T> {
  /** The keys it understands. */
  readonly keys: readonly string[]
  open(spec: Spec, signal: AbortSignal | undefined): Promise<T>
}

const SPLITS = ['train', 'val', 'test'] as const
const UNLISTED: readonly Unlisted[] = ['error', 'ignore']

/** Keys of `folder:` specs. */
export const FOLDER_KEYS: readonly string[] = [
  'images',
  'labels',
  'instances',
  'mapping',
  'unlisted',
  'list',
  'image-suffix',
  'label-suffix',
  'name',
]

/** Keys of `scenes:` specs. */
export const SCENE_KEYS: readonly string[] = ['seed', 'length', 'width', 'height']

/** Data sets by scheme. */
export const datasetSchemes: Readonly<Record<string, Scheme<Dataset>>> = {
  camvid: { keys: ['split', 'name'], open: openCamvid },
  folder: { keys: FOLDER_KEYS, open: (spec, signal) => openFolder(spec, 'error', signal) },
  anomaly: {
    keys: [
      'images',
      'masks',
      'inlier',
      'anomaly',
      'ignore',
      'unlisted',
      'image-suffix',
      'mask-suffix',
      'name',
    ],
    open: openAnomalyMasks,
  },
  scenes: { keys: [...SCENE_KEYS, 'anomalies'], open: openScenes },
  ...Object.fromEntries(CATALOGUE.map((entry) => [entry.scheme, catalogueScheme(entry)])),
}

/** Opens the data set of a `folder:` spec. */
export function openFolder(
  spec: Spec,
  unlisted: Unlisted,
  signal: AbortSignal | undefined,
): Promise<Dataset> {
  return folder({
    root: rootOf(spec),
    images: stringValue(spec, 'images'),
    labels: stringValue(spec, 'labels'),
    instances: stringValue(spec, 'instances'),
    mapping: stringValue(spec, 'mapping'),
    unlisted: oneOfValue(spec, 'unlisted', UNLISTED) ?? unlisted,
    list: stringValue(spec, 'list'),
    imageSuffix: stringValue(spec, 'image-suffix'),
    labelSuffix: stringValue(spec, 'label-suffix'),
    name: stringValue(spec, 'name'),
    signal,
  })
}

/** What `scenes:` specs of data sets and negatives have in common. */
export function sceneOptions(spec: Spec): {
  seed?: number
  length?: number
  width?: number
  height?: number
} {
  return {
    seed: integerValue(spec, 'seed', 0),
    length: integerValue(spec, 'length', 1),
    width: integerValue(spec, 'width', 1),
    height: integerValue(spec, 'height', 1),
  }
}

async function openCamvid(spec: Spec, signal: AbortSignal | undefined): Promise<Dataset> {
  const split = oneOfListValue(spec, 'split', SPLITS)
  if (split === undefined) {
    throw specError(
      spec.text,
      'split is missing',
      'Add split=train, split=val, split=test, or several: split=train,val',
    )
  }
  return camvid({ root: rootOf(spec), split, name: stringValue(spec, 'name'), signal })
}

function openAnomalyMasks(spec: Spec, signal: AbortSignal | undefined): Promise<Dataset> {
  return anomalyMasks({
    root: rootOf(spec),
    images: stringValue(spec, 'images'),
    masks: stringValue(spec, 'masks'),
    inlier: labelValues(spec, 'inlier'),
    anomaly: labelValues(spec, 'anomaly'),
    ignore: labelValues(spec, 'ignore'),
    unlisted: oneOfValue(spec, 'unlisted', UNLISTED),
    imageSuffix: stringValue(spec, 'image-suffix'),
    maskSuffix: stringValue(spec, 'mask-suffix'),
    name: stringValue(spec, 'name'),
    signal,
  })
}

async function openScenes(spec: Spec): Promise<Dataset> {
  const split = SPLITS.find((name) => name === spec.path)
  if (split === undefined) {
    throw specError(
      spec.text,
      `there is no split ${JSON.stringify(spec.path)}`,
      'Write scenes:train, scenes:val or scenes:test',
    )
  }
  const anomalies = oneOfValue(spec, 'anomalies', ['true', 'false'])
  return scenes({
    split,
    ...sceneOptions(spec),
    anomalies: anomalies === undefined ? undefined : anomalies === 'true',
  })
}

/** The folder that a spec names. */
function rootOf(spec: Spec): string {
  if (spec.path === '') throw specError(spec.text, 'the folder is missing', `Write ${spec.scheme}:FOLDER?…`)
  return spec.path
}
