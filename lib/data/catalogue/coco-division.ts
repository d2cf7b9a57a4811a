import { DenseHybridError } from '../../errors.ts'
import { describe, nearest } from '../../validate.ts'
import { readJson } from '../read-bytes.ts'
import { COCO_CLASSES, COCO_NAMES } from './coco-classes.ts'

/** Which classes of COCO-Stuff are known and which unknown; all others are ignored. */
export interface CocoDivision {
  /** Names in the order of their labels; at least one. */
  readonly known: readonly string[]
  readonly unknown: readonly string[]
}

/**
 * Reads a division of the classes from a JSON file:
 *
 * ```json
 * { "known": ["person", "car", "road", "sky-other"], "unknown": ["dog", "traffic light"] }
 * ```
 *
 * Without `unknown` no class is unknown.
 *
 * @throws DenseHybridError `NOT_FOUND`; `INVALID_FILE` naming the file and what is wrong, with the nearest class for a name
 * that is none
 */
export async function readCocoDivision(file: string, signal: AbortSignal | undefined): Promise<CocoDivision> {
  const division = await readJson(file, { signal })
  if (typeof division !== 'object' || division === null || Array.isArray(division)) {
    throw wrong(file, `expected {"known": […], "unknown": […]} but received ${describe(division)}`)
  }
  const { known, unknown = [], ...rest } = division as Record<string, unknown>
  const [other] = Object.keys(rest)
  if (other !== undefined) {
    throw wrong(file, `it has the key ${JSON.stringify(other)}; known are "known" and "unknown"`)
  }
  const read = { known: classNames(file, 'known', known), unknown: classNames(file, 'unknown', unknown) }
  if (read.known.length === 0) throw wrong(file, '"known" names no class')
  const both = read.known.find((name) => read.unknown.includes(name))
  if (both !== undefined) throw wrong(file, `${JSON.stringify(both)} is known and unknown`)
  return read
}

function classNames(file: string, key: string, names: unknown): readonly string[] {
  if (!Array.isArray(names)) throw wrong(file, `"${key}" must be a list of names, not ${describe(names)}`)
  for (const [index, name] of names.entries()) {
    if (typeof name !== 'string') {
      throw wrong(file, `"${key}"[${index}] must be a name, not ${describe(name)}`)
    }
    if (names.indexOf(name) !== index) throw wrong(file, `"${key}" has ${JSON.stringify(name)} twice`)
    if (COCO_CLASSES.includes(name)) continue
    const near = nearest(name, COCO_CLASSES)
    throw wrong(
      file,
      `"${key}" has ${JSON.stringify(name)}, which ${COCO_NAMES.includes(name) ? 'COCO-Stuff has an id but no pixels of' : 'is no class of COCO-Stuff'}`,
      near === undefined ? `The classes are: ${COCO_CLASSES.join(', ')}.` : `Did you mean ${near}?`,
    )
  }
  return names
}

function wrong(file: string, reason: string, hint?: string): DenseHybridError {
  return new DenseHybridError(
    'INVALID_FILE',
    `${file} does not divide the classes: ${reason}.`,
    hint === undefined ? {} : { hint },
  )
}
