import { DenseHybridError } from '../../errors.ts'
import { type Colour, classColours, isColour } from '../../palette.ts'
import { describe } from '../../validate.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../dataset.ts'
import { readJson } from '../read-bytes.ts'
import { type LabelTable, makeLabelTable, type Unlisted } from './label-table.ts'

/** One class in a mapping: what the pixels with value `id` are. */
export interface MappingClass {
  id: number
  name: string
  /** The pixels take no part. */
  ignore?: boolean
  /** The pixels belong to no known class: anomalies in a test set. */
  unknown?: boolean
  /** [red, green, blue], 0 … 255, for pictures of label maps. */
  color?: Colour
}

/**
 * What the values in label files mean, in one of these forms (a mapping file holds one of them as JSON):
 *
 * - `{"1": "person", "3": "car", "0": null}` names by id; null = ignore
 * - `["Sky", "Building", null]` index = id; null = ignore
 * - `{"classes": ["Sky", "Void"], "ignore_index": 1}` the same, with ids that are ignored (a number or a list)
 * - `{"classes": [{"id": 7, "name": "road", "color": [128, 64, 128]}, {"id": 0, "name": "unlabeled", "ignore": true}]}`
 *
 * Dense labels follow the ids in ascending order. Ids with the same name become one class, with the colour of the first
 * id that has one; where some classes have colours, the others get distinct ones. The names "ignore" and
 * "unknown" stand for IGNORE_LABEL and UNKNOWN_LABEL. 255 always means ignore, listed or not.
 */
export type Mapping =
  | Record<string, string | null>
  | (string | null)[]
  | { classes: (string | null)[]; ignore_index?: number | number[] }
  | { classes: MappingClass[] }

/** A class name, or the label of what is no class. */
type Meaning = string | number
type Entry = [id: number, meaning: Meaning, colour?: Colour]

const FORMS = '{"id": "name", …}, ["name", …] or {"classes": […]}'

/** Names that are no class but stand for a label. */
const SPECIAL_LABELS: ReadonlyMap<string, number> = new Map([
  ['ignore', IGNORE_LABEL],
  ['unknown', UNKNOWN_LABEL],
])

/**
 * Reads a mapping file.
 *
 * @throws DenseHybridError `NOT_FOUND`; `INVALID_FILE` naming the file and the entry that is wrong
 */
export async function readMapping(
  path: string,
  options: { unlisted?: Unlisted; signal?: AbortSignal } = {},
): Promise<LabelTable> {
  return parseMapping(await readJson(path, options), { name: path, unlisted: options.unlisted })
}

/**
 * The table of a mapping.
 *
 * @param options.name for messages, default "the mapping"
 * @param options.unlisted what a value that the mapping does not list does, default 'error'
 * @throws DenseHybridError `INVALID_FILE` naming the entry that is wrong
 */
export function parseMapping(
  mapping: unknown,
  options: { name?: string; unlisted?: Unlisted } = {},
): LabelTable {
  const name = options.name ?? 'the mapping'
  const meanings = readMeanings(name, mapping)
  const label = new Map<string, number>()
  const colours: (Colour | undefined)[] = []
  const entries: [number, number][] = []
  for (const [id, { meaning, colour }] of [...meanings].sort(([a], [b]) => a - b)) {
    if (typeof meaning === 'number') {
      entries.push([id, meaning])
      continue
    }
    if (!label.has(meaning)) label.set(meaning, label.size)
    entries.push([id, label.get(meaning)!])
    colours[label.get(meaning)!] ??= colour
  }
  if (label.size > UNKNOWN_LABEL) {
    throw wrong(name, `it names ${label.size} classes; at most ${UNKNOWN_LABEL} fit in a label map`)
  }
  const classes = [...label.keys()]
  const table = makeLabelTable(name, classes, entries, options.unlisted ?? 'error')
  const coloured = colours.some((colour) => colour !== undefined)
  return coloured ? { ...table, palette: classColours(classes, colours) } : table
}

function readMeanings(name: string, mapping: unknown): Map<number, { meaning: Meaning; colour?: Colour }> {
  const meanings = new Map<number, { meaning: Meaning; colour?: Colour }>()
  for (const [id, meaning, colour] of readEntries(name, mapping)) {
    if (meanings.has(id)) throw wrong(name, `id ${id} is listed twice`)
    if (id === IGNORE_LABEL && meaning !== IGNORE_LABEL) {
      throw wrong(name, `id 255 is given to ${JSON.stringify(meaning)}, but 255 always means ignore`)
    }
    meanings.set(id, { meaning, colour })
  }
  if (meanings.size === 0) throw wrong(name, 'it is empty')
  return meanings
}

function readEntries(name: string, mapping: unknown): Entry[] {
  if (Array.isArray(mapping)) return readList(name, mapping)
  if (typeof mapping !== 'object' || mapping === null) {
    throw wrong(name, `expected ${FORMS} but received ${describe(mapping)}`)
  }
  if ('classes' in mapping) return readClasses(name, mapping)
  return Object.entries(mapping).map(([key, value]) => {
    if (!/^\d+$/.test(key)) throw wrong(name, `expected ${FORMS} but found the key ${JSON.stringify(key)}`)
    return [checkId(name, Number(key)), checkMeaning(name, `id ${key}`, value)]
  })
}

function readClasses(name: string, mapping: { classes: unknown; ignore_index?: unknown }): Entry[] {
  const { classes, ignore_index: ignoreIndex = [], ...rest } = mapping
  const [unknownKey] = Object.keys(rest)
  if (unknownKey !== undefined) {
    throw wrong(name, `unknown key ${JSON.stringify(unknownKey)}; known are "classes" and "ignore_index"`)
  }
  if (!Array.isArray(classes)) throw wrong(name, `"classes" must be a list, not ${describe(classes)}`)
  const ignored = new Set([ignoreIndex].flat().map((id) => checkId(name, id)))
  const objects = classes.every((entry) => typeof entry === 'object' && entry !== null)
  const entries = objects ? classes.map((entry) => readClass(name, entry)) : readList(name, classes)
  return [
    ...entries.filter(([id]) => !ignored.has(id)),
    ...[...ignored].map((id): Entry => [id, IGNORE_LABEL]),
  ]
}

function readClass(name: string, entry: Partial<MappingClass>): Entry {
  const { id, name: className, ignore = false, unknown = false, color } = entry
  const checked = checkId(name, id)
  if (typeof ignore !== 'boolean' || typeof unknown !== 'boolean' || (ignore && unknown)) {
    throw wrong(name, `of "ignore" and "unknown" of id ${checked} one may be true, the rest false`)
  }
  if (color !== undefined && !isColour(color)) {
    throw wrong(
      name,
      `"color" of id ${checked} must be [red, green, blue], 0 … 255 each, not ${describe(color)}`,
    )
  }
  const meaning = checkMeaning(name, `id ${checked}`, className)
  return [checked, ignore ? IGNORE_LABEL : unknown ? UNKNOWN_LABEL : meaning, color]
}

/** A list by index; here a repeated name is a slip, as no ids tell that it is meant. */
function readList(name: string, list: readonly unknown[]): Entry[] {
  return list.map((value, id) => {
    const first = list.indexOf(value)
    if (typeof value === 'string' && first !== id && !SPECIAL_LABELS.has(value)) {
      throw wrong(name, `${JSON.stringify(value)} is listed twice, at ${first} and at ${id}`)
    }
    return [checkId(name, id), checkMeaning(name, `entry ${id}`, value)]
  })
}

function checkId(name: string, id: unknown): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= 255) return id
  throw wrong(name, `an id must be a whole number from 0 to 255, not ${describe(id)}`)
}

function checkMeaning(name: string, where: string, value: unknown): Meaning {
  if (value === null) return IGNORE_LABEL
  if (typeof value !== 'string' || value.trim() === '') {
    throw wrong(name, `${where} must be a class name or null, not ${describe(value)}`)
  }
  return SPECIAL_LABELS.get(value) ?? value
}

function wrong(name: string, reason: string): DenseHybridError {
  return new DenseHybridError('INVALID_FILE', `${name} is not a label mapping: ${reason}.`)
}
