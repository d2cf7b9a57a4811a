import type { Colour } from '../../palette.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../dataset.ts'
import { type LabelTable, makeLabelTable } from '../datasets/label-table.ts'

/** What a value in a data set's label files is. */
export type Meaning = { readonly known: number } | 'anomaly' | 'ignore'

/** A known class with its official colour. */
export interface ColouredClass {
  readonly name: string
  readonly colour: Colour
}

/**
 * Known classes keep their labels; anomalies are UNKNOWN_LABEL.
 *
 * @param meanings by file value; others are refused
 */
export function openSetTable(
  name: string,
  classes: readonly ColouredClass[],
  meanings: ReadonlyMap<number, Meaning>,
): LabelTable {
  return classTable(name, classes, meanings, UNKNOWN_LABEL)
}

/** Known classes keep their labels; anomalies are ignored. */
export function closedTable(
  name: string,
  classes: readonly ColouredClass[],
  meanings: ReadonlyMap<number, Meaning>,
): LabelTable {
  return classTable(name, classes, meanings, IGNORE_LABEL)
}

/** Without classes: pixels of all known classes have label 0, anomalies UNKNOWN_LABEL. */
export function anomalyTable(name: string, meanings: ReadonlyMap<number, Meaning>): LabelTable {
  return makeLabelTable(
    name,
    [],
    labels(meanings, () => 0, UNKNOWN_LABEL),
    'error',
  )
}

function classTable(
  name: string,
  classes: readonly ColouredClass[],
  meanings: ReadonlyMap<number, Meaning>,
  anomaly: number,
): LabelTable {
  return {
    ...makeLabelTable(
      name,
      classes.map((one) => one.name),
      labels(meanings, (known) => known, anomaly),
      'error',
    ),
    palette: classes.map(({ colour }) => colour),
  }
}

function labels(
  meanings: ReadonlyMap<number, Meaning>,
  ofKnown: (label: number) => number,
  anomaly: number,
): [value: number, label: number][] {
  return [...meanings].map(([value, meaning]) => {
    if (meaning === 'ignore') return [value, IGNORE_LABEL]
    return [value, meaning === 'anomaly' ? anomaly : ofKnown(meaning.known)]
  })
}
