import { readdir, realpath, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import { fileError } from '../read-bytes.ts'

/** What to list. */
export interface ListOptions {
  /** Extensions with the dot, lower case; the comparison ignores case. */
  extensions: readonly string[]
  /** Only names that end so before the extension; the stem is without it. */
  suffix?: string
  /** Folders that are not entered. */
  except?: readonly string[]
  signal?: AbortSignal
}

/**
 * The files below `folder` (links are followed, hidden names are left out) by stem: the path relative to `folder`
 * with forward slashes, without suffix and extension. In the order of the stems, which no locale changes.
 *
 * @throws DenseHybridError `NOT_FOUND` where the folder is missing; `INVALID_FILE` naming two files with one stem; `IO`
 */
export async function filesByStem(folder: string, options: ListOptions): Promise<Map<string, string>> {
  const { extensions, suffix = '' } = options
  const stems = new Map<string, string>()
  for (const file of await relativeFiles(folder, options)) {
    const extension = extname(file)
    if (!extensions.includes(extension.toLowerCase())) continue
    const base = file.slice(0, file.length - extension.length)
    if (!base.endsWith(suffix)) continue
    const stem = base.slice(0, base.length - suffix.length)
    const other = stems.get(stem)
    if (other !== undefined) {
      throw new DenseHybridError(
        'INVALID_FILE',
        `${join(folder, other)} and ${join(folder, file)} have the same name but for the extension.`,
        { hint: 'Images and label maps are matched by name without extension: move or rename one of them.' },
      )
    }
    stems.set(stem, file)
  }
  return new Map(
    [...stems].sort(([a], [b]) => (a < b ? -1 : 1)).map(([stem, file]) => [stem, join(folder, file)]),
  )
}

/** Checks that `folder` is one. */
export async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: unknown) => {
    throw fileError(folder, error)
  })
  if (!found.isDirectory()) {
    throw new DenseHybridError('INVALID_FILE', `${folder} is a file, not a folder.`)
  }
}

async function relativeFiles(folder: string, options: ListOptions): Promise<string[]> {
  throwIfAborted(options.signal)
  await checkFolder(folder)
  const files: string[] = []
  const except = new Set(
    await Promise.all((options.except ?? []).map((path) => realpath(path).catch(() => path))),
  )
  const entered = new Set<string>()
  const enter = async (relative: string): Promise<void> => {
    throwIfAborted(options.signal)
    const path = join(folder, relative)
    const real = await realpath(path)
    if (entered.has(real) || (relative !== '' && except.has(real))) return
    entered.add(real)
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const child = relative === '' ? entry.name : `${relative}/${entry.name}`
      const kind = entry.isSymbolicLink() ? await stat(join(folder, child)) : entry
      if (kind.isDirectory()) await enter(child)
      else if (kind.isFile()) files.push(child)
    }
  }
  try {
    await enter('')
  } catch (error) {
    if (error instanceof DenseHybridError) throw error
    throw fileError((error as NodeJS.ErrnoException).path ?? folder, error)
  }
  return files
}
