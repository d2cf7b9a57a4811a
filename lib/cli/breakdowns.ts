import type { Breakdown } from '../evaluation/breakdown.ts'
import { UsageError } from './usage-error.ts'

/** Where the groups of a breakdown come from. */
export interface BreakdownFlags {
  /** `scene`, `size`, `class`, or columns of the table. */
  readonly by: readonly string[]
  /** CSV with facts about the images. */
  readonly table: string | undefined
}

/** The breakdowns that `--by` names. */
export async function breakdownsOf(
  { by, table }: BreakdownFlags,
  classes: readonly string[],
): Promise<Breakdown[]> {
  if (by.length === 0) {
    if (table !== undefined) throw new UsageError('--table needs --by COLUMN: which of its columns?')
    return []
  }
  const { byClass, byColumn, byObjectSize, byScene } = await import('../evaluation/breakdown.ts')
  const { readImageTable } = await import('../evaluation/readers/image-table.ts')
  const rows = table === undefined ? undefined : await readImageTable(table)
  const columns = Object.keys(rows?.values().next().value ?? {})
  return [...new Set(by)].map((name) => {
    if (rows !== undefined && columns.includes(name)) return byColumn(rows, name)
    if (name === 'scene') return byScene()
    if (name === 'size') return byObjectSize()
    if (name === 'class' && classes.length > 0) return byClass(classes)
    if (name === 'class') throw new UsageError('--by class needs class labels: --data, or --predictions')
    const from =
      table === undefined ? 'a column of --table FILE' : `a column of ${table} (${columns.join(', ')})`
    throw new UsageError(`--by takes scene, size, class or ${from}, not ${name}`)
  })
}
