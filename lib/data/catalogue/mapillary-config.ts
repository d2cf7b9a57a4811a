import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import { isColour } from '../../palette.ts'
import { describe } from '../../validate.ts'
import { readJson } from '../read-bytes.ts'
import type { ColouredClass } from './views.ts'

/** Number of labels in Vistas v1.2. */
const LABELS = 66

/** A label of Vistas; its id is its position in the list. */
export interface VistasLabel extends ColouredClass {
  /** Name as people read it, e.g. "Lane Marking - General". */
  readonly name: string
  /** Name with its place in the taxonomy, e.g. "marking--general". */
  readonly path: string
  /** false: the label takes no part in the evaluation. */
  readonly evaluate: boolean
}

/** The labels file of a release: archives with both versions name it by the version. */
export async function findConfig(root: string): Promise<string> {
  const [named, plain] = ['config_v1.2.json', 'config.json'].map((name) => join(root, name))
  return (await stat(named).catch(() => null)) === null ? plain : named
}

/**
 * Reads the labels of Vistas v1.2 from the configuration that comes with the images.
 *
 * @throws DenseHybridError `NOT_FOUND`; `INVALID_FILE` naming the label that is wrong, or for the labels of another version
 */
export async function readVistasLabels(
  file: string,
  signal: AbortSignal | undefined,
): Promise<readonly VistasLabel[]> {
  const config = await readJson(file, { signal })
  const labels =
    typeof config === 'object' && config !== null && 'labels' in config ? config.labels : undefined
  if (!Array.isArray(labels)) throw wrong(file, 'it has no list "labels"')
  if (labels.length !== LABELS) {
    throw wrong(
      file,
      `it has ${labels.length} labels, but version 1.2 has ${LABELS}`,
      'Version 2.0 has 124 labels: its archive holds config_v1.2.json and v1.2/labels, too.',
    )
  }
  const read = labels.map((label, id) => readLabel(file, id, label))
  for (const [id, { name }] of read.entries()) {
    const first = read.findIndex((other) => other.name === name)
    if (first !== id)
      throw wrong(file, `labels ${first} and ${id} have the same name ${JSON.stringify(name)}`)
  }
  return read
}

function readLabel(file: string, id: number, label: unknown): VistasLabel {
  const fields = (typeof label === 'object' && label !== null ? label : {}) as Record<string, unknown>
  const { name: path, readable: name, color, evaluate = true } = fields
  if (typeof path !== 'string' || typeof name !== 'string' || path === '' || name === '') {
    throw wrong(file, `label ${id} must have the strings "name" and "readable"`)
  }
  if (!isColour(color)) {
    throw wrong(
      file,
      `"color" of label ${id} must be [red, green, blue], 0 … 255 each, not ${describe(color)}`,
    )
  }
  if (typeof evaluate !== 'boolean') {
    throw wrong(file, `"evaluate" of label ${id} must be true or false, not ${describe(evaluate)}`)
  }
  return { path, name, colour: color, evaluate }
}

function wrong(file: string, reason: string, hint?: string): DenseHybridError {
  return new DenseHybridError(
    'INVALID_FILE',
    `${file} is not the configuration of Mapillary Vistas v1.2: ${reason}.`,
    hint === undefined ? {} : { hint },
  )
}
