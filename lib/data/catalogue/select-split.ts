import { DenseHybridError } from '../../errors.ts'
import { invalid } from '../../validate.ts'
import type { FileEntry } from '../datasets/labelled-files.ts'

/**
 * The entries of several splits, one split after the other.
 *
 * @param entriesOf those of one split
 * @throws DenseHybridError `EMPTY` for a split without images; `INVALID_ARGUMENT` for splits that share an image
 */
export async function entriesOfSplits(
  root: string,
  splits: readonly string[],
  entriesOf: (split: string) => readonly FileEntry[] | Promise<readonly FileEntry[]>,
): Promise<FileEntry[]> {
  const splitOf = new Map<string, string>()
  const entries: FileEntry[] = []
  for (const split of splits) {
    const own = await entriesOf(split)
    if (own.length === 0) {
      throw new DenseHybridError('EMPTY', `${root} holds no image of the split ${split}.`, {
        hint: 'The files must have the names of the release, by which splits are told apart.',
      })
    }
    for (const { id } of own) {
      const other = splitOf.get(id)
      if (other !== undefined) {
        throw invalid('split', 'splits that share no image', `${other},${split}`, `Both have ${id}.`)
      }
      splitOf.set(id, split)
    }
    entries.push(...own)
  }
  return entries
}
