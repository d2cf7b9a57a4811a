import { DenseHybridError } from '../../errors.ts'
import type { Colour } from '../../palette.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { IGNORE_LABEL } from '../dataset.ts'

/** What a value in a label file stands for: a class by its dense label, or UNKNOWN_LABEL, or IGNORE_LABEL. */
export interface LabelTable {
  /** For messages: the mapping file's path, or what made the table. */
  readonly name: string
  /** Names of the K known classes; index = dense label. */
  readonly classes: readonly string[]
  /** One colour for every class, where any was given one. */
  readonly palette?: readonly Colour[]
  /** 256 entries: file value → 0 … K−1, UNKNOWN_LABEL or IGNORE_LABEL. */
  readonly table: Uint8Array
  /** 256 entries: 1 where the file value may occur. */
  readonly listed: Uint8Array
}

/** What to do with a value that a mapping does not list: refuse the file, or ignore the pixels. */
export type Unlisted = 'error' | 'ignore'

/** A table of `entries` [file value, dense label]. 255 means ignore unless an entry says otherwise. */
export function makeLabelTable(
  name: string,
  classes: readonly string[],
  entries: Iterable<readonly [value: number, label: number]>,
  unlisted: Unlisted,
): LabelTable {
  const table = new Uint8Array(256).fill(IGNORE_LABEL)
  const listed = new Uint8Array(256).fill(unlisted === 'ignore' ? 1 : 0)
  listed[IGNORE_LABEL] = 1
  for (const [value, label] of entries) {
    table[value] = label
    listed[value] = 1
  }
  return { name, classes, table, listed }
}

/**
 * Replaces the values of a label file by dense labels.
 *
 * @param raw H×W, as stored in `file`
 * @throws DenseHybridError `INVALID_FILE` for a value that the table does not list, with its first pixel
 */
export function applyLabelTable(
  labelTable: LabelTable,
  raw: Tensor<Uint8Array>,
  file: string,
): Tensor<Uint8Array> {
  const { table, listed } = labelTable
  const { data } = raw
  const labels = new Uint8Array(data.length)
  let label = 0
  for (let i = 0; i < data.length; i++) {
    const value = data[i]
    // Labels come in runs: this spares nearly all look-ups.
    if (i === 0 || value !== data[i - 1]) {
      if (listed[value] === 0) throw unlistedValue(labelTable, file, value, i, raw.shape[1])
      label = table[value]
    }
    labels[i] = label
  }
  return tensor(labels, raw.shape)
}

/** A label file holds a value that its table does not list. */
export class UnlistedLabelError extends DenseHybridError {
  /** The first such value of the file. */
  readonly value: number

  constructor(value: number, message: string, options: { hint: string }) {
    super('INVALID_FILE', message, options)
    this.value = value
  }
}

function unlistedValue(
  labelTable: LabelTable,
  file: string,
  value: number,
  index: number,
  width: number,
): DenseHybridError {
  const ids = formatRanges([...labelTable.listed.keys()].filter((id) => labelTable.listed[id] === 1))
  return new UnlistedLabelError(
    value,
    `${file} holds the label ${value}, first at row ${Math.floor(index / width)}, column ${index % width}, ` +
      `which ${labelTable.name} does not list.`,
    {
      hint:
        `Known values: ${ids}. List ${value} too (as a class, or as ignored), ` +
        'or set unlisted to "ignore" to leave such pixels out.',
    },
  )
}

/** "0–3, 7, 255" for [0, 1, 2, 3, 7, 255]. */
function formatRanges(ids: readonly number[]): string {
  const ranges: [first: number, last: number][] = []
  for (const id of ids) {
    const open = ranges.at(-1)
    if (open !== undefined && open[1] === id - 1) open[1] = id
    else ranges.push([id, id])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ')
}
