import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import { checkFolder } from '../datasets/list-files.ts'

/**
 * Checks that a root folder holds what a data set is known by.
 *
 * @param expected paths relative to `root`; all must exist
 * @throws DenseHybridError `NOT_FOUND` naming what is missing and what is there; where one folder further down or up has
 * it, the hint says so
 */
export async function checkLayout(title: string, root: string, expected: readonly string[]): Promise<void> {
  await checkFolder(root)
  const missing = await missingOf(root, expected)
  if (missing.length === 0) return
  const found = (await readdir(root)).filter((name) => !name.startsWith('.')).sort()
  const near = await nearbyRoot(root, found, expected)
  throw new DenseHybridError(
    'NOT_FOUND',
    `${root} does not look like ${title}: expected ${list(expected)}, but ${list(missing)} ${missing.length === 1 ? 'is' : 'are'} missing. ` +
      `It holds ${found.length === 0 ? 'nothing' : list(found.slice(0, 8))}${found.length > 8 ? ` and ${found.length - 8} more` : ''}.`,
    {
      hint:
        near === undefined ? 'Give the folder that the archive was unpacked into.' : `Did you mean ${near}?`,
    },
  )
}

async function missingOf(root: string, expected: readonly string[]): Promise<string[]> {
  const there = await Promise.all(
    expected.map((path) =>
      stat(join(root, path)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return expected.filter((_, i) => !there[i])
}

/** The parent or a child of `root` that has all that is expected. */
async function nearbyRoot(
  root: string,
  children: readonly string[],
  expected: readonly string[],
): Promise<string | undefined> {
  const candidates = [join(root, '..'), ...children.slice(0, 100).map((name) => join(root, name))]
  for (const candidate of candidates) {
    if ((await missingOf(candidate, expected)).length === 0) return candidate
  }
  return undefined
}

function list(names: readonly string[]): string {
  if (names.length < 2) return names.join()
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
