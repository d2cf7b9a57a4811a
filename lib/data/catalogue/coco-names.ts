import { DenseHybridError } from '../../errors.ts'
import { readBytes } from '../read-bytes.ts'
import { COCO_NAMES } from './coco-classes.ts'

/**
 * Checks the list of names that comes with label maps, lines `id: name` with 0 for unlabelled pixels. A tree without that
 * file is fine.
 *
 * @throws DenseHybridError `INVALID_FILE` with the line whose id or name is another one: its label maps have other values
 */
export async function checkCocoNames(file: string, signal: AbortSignal | undefined): Promise<void> {
  const bytes = await readBytes(file, { signal }).catch((error: unknown) => {
    if (error instanceof DenseHybridError && error.code === 'NOT_FOUND') return undefined
    throw error
  })
  const lines = (bytes?.toString('utf8') ?? '').replace(/^\uFEFF/, '').split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const [, id, name] = /^\s*(\d{1,3})\s*:\s*(.*?)\s*$/.exec(line) ?? []
    const expected = Number(id) === 0 ? 'unlabeled' : COCO_NAMES[Number(id) - 1]
    if (expected !== undefined && name === expected) continue
    const reason =
      expected === undefined
        ? 'expected "id: name" with an id from 0 to 182'
        : `expected ${JSON.stringify(expected)} for the id ${id}`
    throw new DenseHybridError(
      'INVALID_FILE',
      `${file}, line ${index + 1}: ${reason} but found ${JSON.stringify(line.trim().slice(0, 80))}.`,
      { hint: 'Label maps must be those of COCO-Stuff, with value = id − 1.' },
    )
  }
}
