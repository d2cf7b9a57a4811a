import { z } from 'zod'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import { nearest } from '../validate.ts'

/** One command-line flag; the same name is valid in a configuration file. */
export interface Flag<Value = unknown> {
  /** Shown in help and messages; absent for a switch. */
  readonly placeholder?: string
  /** What a good value is, e.g. "a whole number at least 1". */
  readonly expected: string
  /** Turns the text of the command line, or a value of a configuration file, into the value. */
  readonly schema: z.ZodType<unknown>
  /** May be given several times; the value is then a list. */
  readonly many: boolean
  readonly required: boolean
  readonly default: Value | undefined
  /** One letter, e.g. q for -q. */
  readonly short?: string
  /** Valid words, for "Did you mean …?". */
  readonly words?: readonly string[]
}

/** Flags of a command by their camelCase name; users type kebab-case. */
export type Flags = Readonly<Record<string, Flag>>

/** The values a command receives. */
export type Values<F extends Flags> = { [Name in keyof F]: F[Name] extends Flag<infer Value> ? Value : never }

interface Settings<T> {
  default?: T
  required?: boolean
  placeholder?: string
  short?: string
}

/** A flag that has a default or must be given always has a value. */
type Given<T, S> = S extends { default: unknown } | { required: true } ? T : T | undefined

function flag<T, S extends Settings<T>>(
  settings: S | undefined,
  placeholder: string,
  expected: string,
  schema: z.ZodType<unknown>,
  extra: { many?: boolean; words?: readonly string[] } = {},
): Flag<Given<T, S>> {
  return {
    placeholder: settings?.placeholder ?? placeholder,
    expected,
    schema,
    many: extra.many ?? false,
    required: settings?.required ?? false,
    default: settings?.default as Given<T, S> | undefined,
    ...(settings?.short === undefined ? {} : { short: settings.short }),
    ...(extra.words === undefined ? {} : { words: extra.words }),
  }
}

const numberSchema = z.preprocess((value) => {
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : value
}, z.number())

function range(kind: string, min: number, max: number): string {
  if (min === -Infinity && max === Infinity) return kind
  if (max === Infinity) return `${kind} at least ${min}`
  return `${kind} from ${min} to ${max}`
}

/** A whole number in [min, max]. */
export function integer<const S extends Settings<number>>(
  min: number,
  max: number,
  settings?: S,
): Flag<Given<number, S>> {
  const schema = numberSchema.pipe(z.number().int().min(min).max(max))
  return flag<number, S>(settings, 'N', range('a whole number', min, max), schema)
}

/** A finite number in [min, max]. */
export function number<const S extends Settings<number>>(
  min: number,
  max: number,
  settings?: S,
): Flag<Given<number, S>> {
  const schema = numberSchema.pipe(z.number().min(min).max(max))
  return flag<number, S>(settings, 'X', range('a number', min, max), schema)
}

/** Any text that is not empty. A number in a configuration file is taken as its text. */
export function text<const S extends Settings<string>>(
  placeholder: string,
  settings?: S,
): Flag<Given<string, S>> {
  const schema = z.union([z.string().min(1), z.number().transform(String)])
  return flag<string, S>(settings, placeholder, placeholder === 'DIR' ? 'a folder' : 'a text', schema)
}

/** One of some words. */
export function choice<const W extends string, const S extends Settings<W>>(
  words: readonly W[],
  settings?: S,
): Flag<Given<W, S>> {
  return flag<W, S>(settings, words.join('|'), `one of ${words.join(', ')}`, z.enum(words), { words })
}

/** A switch: present or not. */
export function toggle(settings: { short?: string } = {}): Flag<boolean> {
  return {
    expected: 'true or false',
    schema: z.preprocess(
      (value) => (value === 'true' ? true : value === 'false' ? false : value),
      z.boolean(),
    ),
    many: false,
    required: false,
    default: false,
    ...settings,
  }
}

/** A text that may be given several times: always a list, empty when absent. */
export function texts(placeholder: string, settings?: { required?: boolean }): Flag<string[]> {
  const schema = z.string().min(1)
  return {
    ...flag<string[], { default: string[] }>({ default: [] }, placeholder, 'a text', schema, { many: true }),
    ...settings,
  }
}

/** Words separated by commas, or the flag several times: always a list. */
export function words<const W extends string>(
  placeholder: string,
  settings: { valid?: readonly W[]; default?: readonly W[] } = {},
): Flag<W[]> {
  const one = settings.valid === undefined ? z.string().min(1) : z.enum(settings.valid)
  const schema = z.preprocess((value) => (typeof value === 'string' ? splitList(value) : value), z.array(one))
  const expected =
    settings.valid === undefined ? 'names separated by commas' : `some of ${settings.valid.join(',')}`
  return flag<W[], { default: W[] }>(
    { default: [...(settings.default ?? [])] },
    placeholder,
    expected,
    schema,
    {
      many: true,
      ...(settings.valid === undefined ? {} : { words: settings.valid }),
    },
  )
}

/** Names of anomaly scores separated by commas, in camelCase or kebab-case. */
export function scoreNames(defaults: readonly ScoreName[]): Flag<ScoreName[]> {
  const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const flag = words('NAMES', { valid: SCORE_NAMES, default: defaults })
  const schema = z.preprocess((value) => {
    const given = typeof value === 'string' ? splitList(value) : value
    return Array.isArray(given) ? given.map((name) => (typeof name === 'string' ? camel(name) : name)) : given
  }, flag.schema)
  return { ...flag, schema }
}

/** Which anomaly scores to compute: none, all, or names separated by commas. */
export function scoreSet(): Flag<ScoreName[] | undefined> {
  const { schema } = scoreNames([])
  const sets = { none: [], all: [...SCORE_NAMES] }
  return {
    placeholder: 'NAMES',
    expected: `none, all, or some of ${SCORE_NAMES.join(',')}`,
    words: ['none', 'all', ...SCORE_NAMES],
    schema: z.preprocess((value) => (value === 'none' || value === 'all' ? sets[value] : value), schema),
    many: false,
    required: false,
    default: undefined,
  }
}

/** A score above which pixels are unknown, or `none`. */
export function threshold(): Flag<number | null | undefined> {
  const schema = z.union([z.literal('none').transform(() => null), z.null(), numberSchema])
  return {
    placeholder: 'T',
    expected: 'a number, or none',
    words: ['none'],
    schema,
    many: false,
    required: false,
    default: undefined,
  }
}

/** Two numbers, e.g. 0.5,2. */
export function pair<const S extends Settings<[number, number]>>(
  min: number,
  settings?: S,
): Flag<Given<[number, number], S>> {
  const schema = z.preprocess(
    (value) => (typeof value === 'string' ? splitList(value) : value),
    z
      .tuple([numberSchema.pipe(z.number().min(min)), numberSchema.pipe(z.number().min(min))])
      .refine(([a, b]) => a <= b),
  )
  return flag<[number, number], S>(
    settings,
    'A,B',
    `two numbers at least ${min} in rising order, like 0.5,2`,
    schema,
  )
}

/** Three numbers, one for each of red, green and blue: 0.485,0.456,0.406. */
export function triple(): Flag<[number, number, number] | undefined> {
  const schema = z.preprocess(
    (value) => (typeof value === 'string' ? splitList(value) : value),
    z.tuple([numberSchema, numberSchema, numberSchema]),
  )
  return flag(undefined, 'R,G,B', 'three numbers, like 0.485,0.456,0.406', schema)
}

/** Height and width in pixels: 256 (a square) or 256x512. */
export function size<const S extends Settings<[number, number]>>(
  settings?: S,
): Flag<Given<[number, number], S>> {
  const side = z.number().int().min(1).max(65536)
  const schema = z.preprocess(
    (value) => {
      if (typeof value === 'number') return [value, value]
      if (typeof value !== 'string' || !/^\d+([x×]\d+)?$/.test(value)) return value
      const sides = value.split(/[x×]/).map(Number)
      return sides.length === 1 ? [sides[0], sides[0]] : sides
    },
    z.tuple([side, side]),
  )
  return flag<[number, number], S>(
    settings,
    'H[xW]',
    'a size in pixels, like 256 or 256x512 (height × width)',
    schema,
  )
}

/** `name=value` pairs; numbers and true/false are recognised. In a configuration file: a mapping. */
export function assignments(placeholder: string): Flag<Record<string, string | number | boolean>> {
  return pairs(placeholder, scalar, z.union([z.string(), z.number(), z.boolean()]))
}

/** `name=text` pairs, each text as it was typed. In a configuration file: a mapping. */
export function textAssignments(placeholder: string): Flag<Record<string, string>> {
  return pairs(placeholder, (value) => value, z.string().min(1))
}

function pairs<T>(
  placeholder: string,
  read: (value: string) => unknown,
  value: z.ZodType<T>,
): Flag<Record<string, T>> {
  const schema = z.preprocess(
    (given) => {
      if (typeof given !== 'string') return given
      const at = given.indexOf('=')
      return at < 1 ? given : { [given.slice(0, at)]: read(given.slice(at + 1)) }
    },
    z.record(z.string(), value),
  )
  return { placeholder, expected: placeholder, schema, many: true, required: false, default: {} }
}

/** The nearest valid word for a bad value, when there is one. */
export function nearestWord(flag: Flag, value: unknown): string | undefined {
  return flag.words === undefined ? undefined : nearest(String(value), flag.words)
}

/** minLr → min-lr */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function scalar(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  return value !== '' && Number.isFinite(Number(value)) ? Number(value) : value
}
