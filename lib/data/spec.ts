import { homedir } from 'node:os'
import { join } from 'node:path'
import { DenseHybridError } from '../errors.ts'
import { nearest } from '../validate.ts'

/** A parsed `scheme:path?key=value&…`. */
export interface Spec {
  /** As it was given, for messages. */
  readonly text: string
  readonly scheme: string
  /** What stands between the first ":" and the last "?"; may be empty. A leading "~/" is the home folder. */
  readonly path: string
  /** Values by key; %XX stands for a byte, so %26 is an & and %2C a comma that does not end a list's element. */
  readonly values: ReadonlyMap<string, string>
}

/**
 * Parses `scheme:path?key=value&…`. Paths may contain spaces, colons and question marks; where a path has a question
 * mark but no keys follow, end it with one.
 *
 * @param schemes known keys by scheme
 * @throws DenseHybridError `INVALID_CONFIG` for an unknown scheme or key (with the nearest known one), a key without
 * value, or one given twice
 */
export function parseSpec(text: string, schemes: Readonly<Record<string, readonly string[]>>): Spec {
  const colon = text.indexOf(':')
  const scheme = text.slice(0, Math.max(0, colon))
  if (!Object.hasOwn(schemes, scheme)) {
    const known = Object.keys(schemes)
    const near = colon < 0 ? undefined : nearest(scheme, known)
    const what =
      colon < 0 ? 'does not start with a scheme' : `has the unknown scheme ${JSON.stringify(scheme)}`
    throw new DenseHybridError('INVALID_CONFIG', `${JSON.stringify(text)} ${what}.`, {
      hint:
        near === undefined
          ? `Write scheme:path?key=value&… with one of ${known.join(', ')}.`
          : `Did you mean ${near}:${text.slice(colon + 1)}?`,
    })
  }
  const question = text.lastIndexOf('?')
  const path = question < 0 ? text.slice(colon + 1) : text.slice(colon + 1, question)
  return {
    text,
    scheme,
    path: path.startsWith('~/') ? join(homedir(), path.slice(2)) : path,
    values: parseValues(text, question < 0 ? '' : text.slice(question + 1), schemes[scheme]),
  }
}

function parseValues(text: string, query: string, known: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const [key] = pair.split('=', 1)
    if (!known.includes(key)) {
      const near = nearest(key, known)
      throw specError(
        text,
        `unknown key ${JSON.stringify(key)}`,
        near ? `Did you mean ${near}?` : `Known keys: ${known.join(', ')}.`,
      )
    }
    if (values.has(key)) throw specError(text, `${key} is given twice`)
    const value = pair.slice(key.length + 1)
    if (value === '') throw specError(text, `${key} has no value`)
    values.set(key, value)
  }
  return values
}

/** An INVALID_CONFIG error about a spec. */
export function specError(text: string, reason: string, hint?: string): DenseHybridError {
  return new DenseHybridError(
    'INVALID_CONFIG',
    `In ${JSON.stringify(text)}: ${reason}.`,
    hint === undefined ? {} : { hint },
  )
}
