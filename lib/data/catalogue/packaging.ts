import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import { checkFolder } from '../datasets/list-files.ts'

/** One of several ways in which a data set is handed round. */
export interface Packaging {
  /** What its root holds, for messages, e.g. `leftImg8bit and ood`. */
  readonly holds: string
  /** Names that the root must have. */
  readonly folders?: readonly string[]
  /** The root must have a file whose name matches. */
  readonly file?: RegExp
}

/**
 * The first of `packagings` that a root folder has.
 *
 * @throws DenseHybridError `NOT_FOUND` with what each packaging holds and what is there; where one folder further down
 * or up has one of them, the hint says so
 */
export async function findPackaging<T extends Packaging>(
  title: string,
  root: string,
  packagings: readonly T[],
): Promise<T> {
  await checkFolder(root)
  const found = await packagingOf(root, packagings)
  if (found !== undefined) return found
  const names = (await readdir(root)).filter((name) => !name.startsWith('.')).sort()
  const there =
    names.length === 0
      ? 'nothing'
      : `${names.slice(0, 8).join(', ')}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`
  const near = await nearbyRoot(root, names, packagings)
  throw new DenseHybridError(
    'NOT_FOUND',
    `${root} does not look like ${title}: expected ${packagings.map(({ holds }) => holds).join('; or ')}. It holds ${there}.`,
    {
      hint:
        near === undefined ? 'Give the folder that the archive was unpacked into.' : `Did you mean ${near}?`,
    },
  )
}

async function packagingOf<T extends Packaging>(
  root: string,
  packagings: readonly T[],
): Promise<T | undefined> {
  const names = await readdir(root).catch(() => [])
  for (const packaging of packagings) {
    const { folders = [], file } = packaging
    const complete = await Promise.all(folders.map((name) => isFolder(join(root, name))))
    if (complete.includes(false)) continue
    if (file === undefined || names.some((name) => file.test(name))) return packaging
  }
  return undefined
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** The parent or a child of `root` that has one of the packagings. */
async function nearbyRoot(
  root: string,
  children: readonly string[],
  packagings: readonly Packaging[],
): Promise<string | undefined> {
  const candidates = [join(root, '..'), ...children.slice(0, 100).map((name) => join(root, name))]
  for (const candidate of candidates) {
    if ((await packagingOf(candidate, packagings)) !== undefined) return candidate
  }
  return undefined
}
