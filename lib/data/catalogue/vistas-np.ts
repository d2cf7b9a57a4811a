import { DenseHybridError } from '../../errors.ts'
import { CITYSCAPES_CLASSES } from './cityscapes-classes.ts'
import type { VistasLabel } from './mapillary-config.ts'
import type { ColouredClass, Meaning } from './views.ts'

/** Classes of Cityscapes that Vistas-NP has no training images of. */
const ANOMALIES: readonly string[] = ['person', 'rider']

/** Labels of Vistas by the Cityscapes class they become; all others are ignored. */
const VISTAS_OF: Readonly<Record<string, readonly string[]>> = {
  road: [
    'construction--flat--bike-lane',
    'construction--flat--crosswalk-plain',
    'construction--flat--parking',
    'construction--flat--rail-track',
    'construction--flat--road',
    'construction--flat--service-lane',
    'marking--crosswalk-zebra',
    'marking--general',
  ],
  sidewalk: [
    'construction--barrier--curb',
    'construction--flat--curb-cut',
    'construction--flat--pedestrian-area',
    'construction--flat--sidewalk',
  ],
  building: [
    'construction--structure--bridge',
    'construction--structure--building',
    'construction--structure--tunnel',
  ],
  wall: ['construction--barrier--wall'],
  fence: ['construction--barrier--fence', 'construction--barrier--guard-rail'],
  pole: ['object--support--pole', 'object--support--utility-pole'],
  'traffic light': ['object--traffic-light'],
  'traffic sign': ['object--support--traffic-sign-frame', 'object--traffic-sign--front'],
  vegetation: ['nature--vegetation'],
  terrain: ['nature--sand', 'nature--snow', 'nature--terrain'],
  sky: ['nature--sky'],
  person: ['human--person'],
  rider: ['human--rider--bicyclist', 'human--rider--motorcyclist', 'human--rider--other-rider'],
  car: ['object--vehicle--car'],
  truck: ['object--vehicle--truck'],
  bus: ['object--vehicle--bus'],
  train: ['object--vehicle--on-rails'],
  motorcycle: ['object--vehicle--motorcycle'],
  bicycle: ['object--vehicle--bicycle'],
}

/**
 * What the labels of Vistas are in Vistas-NP: 17 classes of Cityscapes in its order, person and rider as anomalies.
 *
 * @param file the configuration, for messages
 * @throws DenseHybridError INVALID_FILE where a label that the mapping needs is missing: its pixels would be ignored, and
 * people in them not noticed
 */
export function vistasNp(file: string, labels: readonly VistasLabel[]): VistasMeanings {
  return asCityscapes(file, labels, ANOMALIES)
}

/**
 * The labels of Vistas as the 19 classes of Cityscapes, by the same list.
 *
 * @throws DenseHybridError INVALID_FILE as above
 */
export function vistasAsCityscapes(file: string, labels: readonly VistasLabel[]): VistasMeanings {
  return asCityscapes(file, labels, [])
}

/** Classes in order, and what each value of a label file is. */
interface VistasMeanings {
  readonly classes: ColouredClass[]
  readonly meanings: Map<number, Meaning>
}

function asCityscapes(
  file: string,
  labels: readonly VistasLabel[],
  anomalies: readonly string[],
): VistasMeanings {
  const idOf = new Map(labels.map(({ path }, id) => [path, id]))
  const meanings = new Map<number, Meaning>(labels.map((_, id) => [id, 'ignore']))
  const classes: ColouredClass[] = []
  for (const one of CITYSCAPES_CLASSES) {
    const meaning: Meaning = anomalies.includes(one.name) ? 'anomaly' : { known: classes.push(one) - 1 }
    for (const path of VISTAS_OF[one.name]) {
      const id = idOf.get(path)
      if (id === undefined) {
        throw new DenseHybridError('INVALID_FILE', `${file} has no label ${path}, which this view needs.`, {
          hint: 'Vistas-NP and its list of classes are defined on version 1.2.',
        })
      }
      meanings.set(id, meaning)
    }
  }
  return { classes, meanings }
}
