import { extname } from 'node:path'
import { parse } from 'yaml'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../data/dataset.ts'
import { readBytes } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'
import { describe, nearest } from '../../validate.ts'
import { LABEL_PRESETS } from './label-presets.ts'

/** What the values in label files mean. */
export interface LabelMapping {
  /** For messages: the file, the preset, or the text itself. */
  readonly name: string
  /**
   * 256 entries: value in the file → class, UNKNOWN_LABEL or IGNORE_LABEL; −1 for values that must not occur. Inliers of
   * a mask are 0.
   */
  readonly table: Int16Array
  /** Number of classes that it names, i.e. the highest + 1; 0 for masks, which tell anomalies from the rest alone. */
  readonly classes: number
}

const FILE_EXTENSIONS = ['.json', '.yaml', '.yml']
const FORMS = 'VALUE=TARGET, separated by commas; VALUE is 0 … 255, a range such as 2..200, or rest'
const TARGETS = 'inlier, anomaly, ignore, a class number, or a range of them as long as that of the values'

/** One "values=target". */
interface Rule {
  readonly values: string
  readonly target: string
}

/** Makes the error for a mapping that is wrong. */
type Refuse = (reason: string, hint?: string) => DenseHybridError

/**
 * Parses a label mapping: a preset such as `smiyc` (see `LABEL_PRESETS`), or rules such as
 * `0=inlier, 1=anomaly, 2..200=anomaly, 255=ignore, rest=ignore`.
 *
 * Targets are `inlier`, `anomaly`, `ignore`, or a class number 0 … 253; `5..13=3..11` numbers a range of classes. A value
 * follows the first rule that names it, and `rest` where none does; without `rest`, other values are an error in a label
 * file. A mapping names inliers or classes, not both.
 *
 * @throws DenseHybridError INVALID_ARGUMENT naming the rule that is wrong
 *
 * ```ts
 * parseLabelMapping('0=inlier, 2=anomaly, rest=ignore').table[2] // UNKNOWN_LABEL
 * ```
 */
export function parseLabelMapping(text: string): LabelMapping {
  const refuse: Refuse = (reason, hint) =>
    new DenseHybridError('INVALID_ARGUMENT', `${describe(text)} is not a label mapping: ${reason}.`, { hint })
  if (typeof text !== 'string' || text.trim() === '') throw refuse(`expected ${FORMS}`)
  const preset = text.trim()
  if (Object.hasOwn(LABEL_PRESETS, preset)) {
    return tableOf(preset, textRules(LABEL_PRESETS[preset as keyof typeof LABEL_PRESETS], refuse), refuse)
  }
  return tableOf(text, textRules(text, refuse), refuse)
}

/**
 * Reads a label mapping: a path that ends with .json, .yaml or .yml, or a text for {@link parseLabelMapping}. The file
 * holds the rules as an object, `{"0": "inlier", "2..200": "anomaly", "rest": "ignore"}`, or the text as a string.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE naming the file and the rule; INVALID_ARGUMENT
 */
export async function readLabelMapping(
  textOrPath: string,
  options: { signal?: AbortSignal } = {},
): Promise<LabelMapping> {
  const isFile = typeof textOrPath === 'string' && FILE_EXTENSIONS.includes(extname(textOrPath).toLowerCase())
  if (!isFile) return parseLabelMapping(textOrPath)
  const refuse: Refuse = (reason, hint) =>
    new DenseHybridError('INVALID_FILE', `${textOrPath} is not a label mapping: ${reason}.`, { hint })
  const text = (await readBytes(textOrPath, options)).toString('utf8')
  let content: unknown
  try {
    // As a Map: an object would put whole numbers first, and the first rule counts.
    content = parse(text, { mapAsMap: true })
  } catch (error) {
    throw refuse((error as Error).message.split('\n')[0])
  }
  if (typeof content === 'string') {
    const inner = content.trim()
    const rules = Object.hasOwn(LABEL_PRESETS, inner)
      ? LABEL_PRESETS[inner as keyof typeof LABEL_PRESETS]
      : inner
    return tableOf(textOrPath, textRules(rules, refuse), refuse)
  }
  if (!(content instanceof Map)) {
    throw refuse(`expected an object of rules but found ${describe(content)}`)
  }
  const rules = [...content].map(([values, target]) => ({
    values: String(values).trim(),
    target: String(target).trim(),
  }))
  return tableOf(textOrPath, rules, refuse)
}

/**
 * Replaces the values of a label file.
 *
 * @param path for messages
 * @throws DenseHybridError INVALID_FILE naming the values that the mapping does not list, and the number of their pixels
 */
export function applyLabelMapping(mapping: LabelMapping, values: Uint8Array, path: string): Uint8Array {
  const { table } = mapping
  const labels = new Uint8Array(values.length)
  let strange = 0
  for (let i = 0; i < values.length; i++) {
    const label = table[values[i]]
    if (label < 0) strange++
    labels[i] = label
  }
  if (strange > 0) throw strangeValues(mapping, values, path)
  return labels
}

function strangeValues({ name, table }: LabelMapping, values: Uint8Array, path: string): DenseHybridError {
  const counts = new Map<number, number>()
  for (const value of values) if (table[value] < 0) counts.set(value, (counts.get(value) ?? 0) + 1)
  const [[first, count], ...others] = [...counts].sort(([a], [b]) => a - b)
  const shown = others.slice(0, 4).map(([value, pixels]) => `${value} in ${pixels}`)
  const more = others.length > 4 ? `, and ${others.length - 4} more values` : ''
  return new DenseHybridError(
    'INVALID_FILE',
    `${path} has the label ${first}, which means nothing here, in ${count} of ${values.length} pixels` +
      `${shown.length > 0 ? ` (also ${shown.join(', ')}${more})` : ''}.`,
    { hint: `The labels are read by ${name}: name the values in a mapping, or add rest=ignore to it.` },
  )
}

function textRules(text: string, refuse: Refuse): Rule[] {
  return text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [values, target, ...more] = part.split('=').map((side) => side.trim())
      if (target !== undefined && more.length === 0) return { values, target }
      const near = nearest(part, Object.keys(LABEL_PRESETS))
      const presets = `Presets: ${Object.keys(LABEL_PRESETS).join(', ')}.`
      throw refuse(
        `${JSON.stringify(part)} is neither VALUE=TARGET nor a preset`,
        near ? `Did you mean ${near}?` : presets,
      )
    })
}

function tableOf(name: string, rules: readonly Rule[], refuse: Refuse): LabelMapping {
  const table = new Int16Array(256).fill(-1)
  const listed = new Set<string>()
  let inliers = false
  let classes = 0
  let rest: number | undefined
  for (const { values, target } of rules) {
    if (listed.has(values)) throw refuse(`${values} is listed twice`)
    listed.add(values)
    const [from, to] = values === 'rest' ? [0, 0] : rangeOf(values, 255)
    if (Number.isNaN(from)) throw refuse(`${JSON.stringify(values)} is no value`, `Expected ${FORMS}.`)
    const label = labelsOf(target, to - from + 1)
    if (label === undefined) {
      throw refuse(`${JSON.stringify(target)} is no target of ${values}`, `Expected ${TARGETS}.`)
    }
    if (target === 'inlier') inliers = true
    if (/^\d/.test(target)) classes = Math.max(classes, label(to - from) + 1)
    if (values === 'rest') rest = label(0)
    else for (let value = from; value <= to; value++) if (table[value] < 0) table[value] = label(value - from)
  }
  if (rules.length === 0) throw refuse('it is empty')
  if (inliers && classes > 0) {
    throw refuse('it names both inliers and classes', 'Give inliers their class numbers, or name no classes.')
  }
  if (rest !== undefined) for (let value = 0; value < 256; value++) if (table[value] < 0) table[value] = rest
  return { name, table, classes }
}

/** The label of each of `count` values; undefined where `target` is none. */
function labelsOf(target: string, count: number): ((index: number) => number) | undefined {
  if (target === 'inlier') return () => 0
  if (target === 'anomaly') return () => UNKNOWN_LABEL
  if (target === 'ignore') return () => IGNORE_LABEL
  const [from, to] = rangeOf(target, UNKNOWN_LABEL - 1)
  if (Number.isNaN(from)) return undefined
  if (from === to && !target.includes('..')) return () => from
  return to - from + 1 === count ? (index) => from + index : undefined
}

/** [first, last] of "7" or "2..200", at most `max`; NaN for other texts. */
function rangeOf(text: string, max: number): readonly [number, number] {
  const match = /^(\d{1,3})(?:\.\.(\d{1,3}))?$/.exec(text)
  const from = match === null ? Number.NaN : Number(match[1])
  const to = match?.[2] === undefined ? from : Number(match[2])
  return from <= to && to <= max ? [from, to] : [Number.NaN, Number.NaN]
}
