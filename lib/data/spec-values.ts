import type { DenseHybridError } from '../errors.ts'
import { nearest } from '../validate.ts'
import { type Spec, specError } from './spec.ts'

/** The value of `key` as a string. */
export function stringValue(spec: Spec, key: string): string | undefined {
  const value = spec.values.get(key)
  return value === undefined ? undefined : unescapeValue(value)
}

/** The comma-separated values of `key`. */
export function listValue(spec: Spec, key: string): string[] | undefined {
  const list = spec.values.get(key)?.split(',').map(unescapeValue)
  if (list?.includes('')) throw specError(spec.text, `${key} has an empty element`)
  return list
}

/** The value of `key`, one of `options`. */
export function oneOfValue<T extends string>(spec: Spec, key: string, options: readonly T[]): T | undefined {
  const value = stringValue(spec, key)
  return value === undefined ? undefined : checkWord(spec, key, value, options)
}

/** The comma-separated values of `key`, each one of `options`. */
export function oneOfListValue<T extends string>(
  spec: Spec,
  key: string,
  options: readonly T[],
): T[] | undefined {
  return listValue(spec, key)?.map((value) => checkWord(spec, key, value, options))
}

function checkWord<T extends string>(spec: Spec, key: string, value: string, options: readonly T[]): T {
  if ((options as readonly string[]).includes(value)) return value as T
  const near = nearest(value, options)
  throw wrongValue(spec, key, `one of ${options.join(', ')}`, value, near && `Did you mean ${near}?`)
}

/** The value of `key` as a whole number of at least `min`. */
export function integerValue(spec: Spec, key: string, min: number): number | undefined {
  const value = stringValue(spec, key)
  if (value === undefined) return undefined
  const number = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= min) return number
  throw wrongValue(spec, key, `a whole number, at least ${min}`, value)
}

/** The value of `key` as a number in [min, max]. */
export function numberValue(spec: Spec, key: string, min: number, max: number): number | undefined {
  const value = stringValue(spec, key)
  if (value === undefined) return undefined
  const number = Number(value)
  if (value.trim() !== '' && number >= min && number <= max) return number
  throw wrongValue(spec, key, `a number from ${min} to ${max}`, value)
}

/** The value of `key` as two numbers in [min, max], "0.01-0.15", the first not above the second. */
export function rangeValue(spec: Spec, key: string, min: number, max: number): [number, number] | undefined {
  const value = stringValue(spec, key)
  if (value === undefined) return undefined
  const [from, to] = value.split('-').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (value.split('-').length === 2 && from >= min && to <= max && from <= to) return [from, to]
  throw wrongValue(spec, key, `two numbers from ${min} to ${max} such as ${min}-${max}`, value)
}

/** The value of `key` as label values: whole numbers from 0 to 255 and ranges of them, "1,4-7". */
export function labelValues(spec: Spec, key: string): number[] | undefined {
  return listValue(spec, key)?.flatMap((part) => {
    const match = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part)
    const from = Number(match?.[1])
    const to = Number(match?.[2] ?? match?.[1])
    if (match === null || to > 255 || from > to) {
      throw wrongValue(spec, key, 'values from 0 to 255 such as 1 or 2-200', part)
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

/** The value of `key` as a size in pixels, "640x360" (width × height). */
export function sizeValue(spec: Spec, key: string): { width: number; height: number } | undefined {
  const value = stringValue(spec, key)
  if (value === undefined) return undefined
  const match = /^(\d+)[x×](\d+)$/.exec(value)
  if (match === null || Number(match[1]) === 0 || Number(match[2]) === 0) {
    throw wrongValue(spec, key, 'WIDTHxHEIGHT such as 640x360', value)
  }
  return { width: Number(match[1]), height: Number(match[2]) }
}

function wrongValue(
  spec: Spec,
  key: string,
  expected: string,
  value: string,
  hint?: string,
): DenseHybridError {
  return specError(spec.text, `expected ${expected} for ${key} but received ${JSON.stringify(value)}`, hint)
}

/** Replaces %XX by the bytes they stand for; a % that no two digits follow stays. */
function unescapeValue(value: string): string {
  return value.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}
