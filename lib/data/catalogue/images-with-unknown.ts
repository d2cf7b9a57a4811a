import { UNKNOWN_LABEL } from '../dataset.ts'
import { applyLabelTable, type LabelTable } from '../datasets/label-table.ts'
import type { FileEntry } from '../datasets/labelled-files.ts'
import { readLabelMap } from '../decode.ts'

/** Label files read at the same time. */
const CONCURRENCY = 4

/**
 * Divides images by whether a pixel is UNKNOWN_LABEL under a table. Every label file is read for that.
 *
 * @returns the entries with such pixels and those without, each in the given order
 * @throws DenseHybridError the errors of `readLabelMap`; `INVALID_FILE` for a value that the table does not list; `ABORTED`
 */
export async function imagesWithUnknown(
  entries: readonly FileEntry[],
  table: LabelTable,
  signal: AbortSignal | undefined,
): Promise<{ unknown: FileEntry[]; known: FileEntry[] }> {
  const isUnknown = new Array<boolean>(entries.length).fill(false)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < entries.length) {
      const index = next++
      const file = entries[index].labels
      if (file === undefined) continue
      try {
        const labels = applyLabelTable(table, await readLabelMap(file, { signal }), file)
        isUnknown[index] = labels.data.includes(UNKNOWN_LABEL)
      } catch (error) {
        next = entries.length
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return {
    unknown: entries.filter((_, index) => isUnknown[index]),
    known: entries.filter((_, index) => !isUnknown[index]),
  }
}
