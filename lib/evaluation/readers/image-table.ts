import { parse } from 'csv-parse/sync'
import { readBytes } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'

/** Rows of a table by the name of their image. */
export type ImageTable = ReadonlyMap<string, Readonly<Record<string, string>>>

/**
 * Reads facts about images, such as scene or weather: CSV with a line of column names, one of which is `image`.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE where it is no such table, or has two rows of one image
 */
export async function readImageTable(path: string): Promise<ImageTable> {
  const text = (await readBytes(path)).toString('utf8')
  const wrong = (what: string, cause?: unknown) =>
    new DenseHybridError('INVALID_FILE', `${path} is no table of images: ${what}.`, {
      hint: 'Expected CSV with a line of column names, one of them `image`: the name of the score map.',
      cause,
    })
  let rows: Record<string, string>[]
  try {
    rows = parse(text, { columns: true, bom: true, skip_empty_lines: true, trim: true })
  } catch (error) {
    throw wrong((error as Error).message.replace(/\.$/, ''), error)
  }
  if (rows.length === 0) throw wrong('it has no rows')
  if (rows[0].image === undefined) throw wrong(`its columns are ${Object.keys(rows[0]).join(', ')}`)
  const table = new Map<string, Record<string, string>>()
  for (const row of rows) {
    if (table.has(row.image)) throw wrong(`it has two rows of ${JSON.stringify(row.image)}`)
    table.set(row.image, row)
  }
  return table
}
