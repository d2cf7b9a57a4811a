import { appendFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { fileError } from '../data/read-bytes.ts'

/** A file of one JSON object a line, each with the number of steps that were complete when it was written. */
export class LineLog {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Removes the lines behind `step`: a resumed run writes them again. */
  async rewind(step: number): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const kept = text.split('\n').filter((line) => line !== '' && stepOf(line) <= step)
    await writeFileAtomic(this.#path, kept.map((line) => `${line}\n`).join(''))
  }

  /** Appends a line. Throws IO. */
  write(line: { readonly step: number }): void {
    try {
      appendFileSync(this.#path, `${JSON.stringify(line)}\n`)
    } catch (error) {
      throw fileError(this.#path, error)
    }
  }
}

function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step
  } catch {
    return Number.POSITIVE_INFINITY // a line that was cut when the process ended
  }
}
