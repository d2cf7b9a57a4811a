import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ScalarCheck, scalarValue } from '../compare.ts'

// biome-ignore lint/suspicious/noExplicitAny: the reference values are JSON of many forms
export type Expected = any

/** Files of a case that match `pattern`, in the order of their names. */
export function filesOf(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder)
    .filter((file) => pattern.test(file))
    .sort()
    .map((file) => join(folder, file))
}

/** Collects the comparisons of a case. */
export class Scalars {
  readonly checks: ScalarCheck[] = []
  /** Printed at the end of the line. */
  readonly notes: string[] = []
  readonly #tolerance: number

  /** @param tolerance absolute, where `close` gives none */
  constructor(tolerance: number) {
    this.#tolerance = tolerance
  }

  /** A count or a threshold, which must be the same. */
  exact(name: string, got: number, reference: number | string): void {
    this.close(name, got, reference, 0)
  }

  /** A value within a tolerance; strings stand for NaN and infinities. */
  close(name: string, got: number, reference: number | string, atol = this.#tolerance): void {
    const value = scalarValue(reference)
    if (value === undefined) throw new Error(`${name}: the reference ${reference} is no number`)
    this.checks.push({ name, got, reference: value, rtol: 0, atol })
  }

  /** A matrix of counts. */
  counts(name: string, got: readonly (readonly number[])[], reference: readonly (readonly number[])[]): void {
    this.exact(`${name} rows`, got.length, reference.length)
    reference.forEach((row, i) => {
      row.forEach((value, j) => {
        this.exact(`${name}[${i}][${j}]`, got[i][j], value)
      })
    })
  }

  /** An input that has to be refused with a message. */
  refused(name: string, run: () => unknown, message: RegExp): void {
    let text = 'accepted'
    try {
      run()
    } catch (error) {
      text = (error as Error).message
    }
    if (!message.test(text)) throw new Error(`${name}: expected to be refused with ${message}, got: ${text}`)
    this.exact(`${name} refused`, 1, 1)
  }
}
