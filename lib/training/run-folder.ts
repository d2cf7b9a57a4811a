import { access, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError, readJson } from '../data/read-bytes.ts'
import { DenseHybridError } from '../errors.ts'

/** Names of the files that a run keeps in its folder. */
export type RunFiles = Readonly<Record<'state' | 'config' | (string & {}), string>>

/** How a run begins in its folder. */
export interface RunFolderOptions {
  /** Folder of the run. */
  readonly dir: string
  /** `new`: there must be no run yet; `overwrite`: an old one is removed; `resume`: it goes on. */
  readonly mode: 'new' | 'overwrite' | 'resume'
  /** Written to config.json by the run. */
  readonly config: Readonly<Record<string, unknown>>
  /** Names in `config` that may differ when the run is resumed. */
  readonly changeable?: readonly string[]
}

/**
 * Makes the folder of a new run, or checks that the one to be resumed is there and has the same options.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the folder holds a run already, or a resumed run has other options;
 * NOT_FOUND where there is nothing to resume; IO
 */
export async function prepareRunFolder(options: RunFolderOptions, files: RunFiles): Promise<void> {
  const { dir, mode } = options
  const paths = Object.values(files).map((name) => join(dir, name))
  const existing = await Promise.all(paths.map(exists))
  if (mode === 'resume') {
    if (!(await exists(join(dir, files.state)))) {
      throw new DenseHybridError('NOT_FOUND', `There is no run in ${dir} to resume (no ${files.state}).`)
    }
    return checkSameConfig(options, join(dir, files.config))
  }
  const first = paths.find((_, i) => existing[i])
  if (first !== undefined && mode === 'new') {
    throw new DenseHybridError('INVALID_ARGUMENT', `${dir} already holds a run (${first}).`, {
      hint: 'Go on with it (--resume), replace it (--overwrite), or choose another folder.',
    })
  }
  try {
    await mkdir(dir, { recursive: true })
    for (const path of paths) await rm(path, { force: true })
  } catch (error) {
    throw fileError(dir, error)
  }
}

/** A resumed run keeps its optimiser and data options; silently ignoring changed ones would mislead. */
async function checkSameConfig(
  { dir, config, changeable = [] }: RunFolderOptions,
  path: string,
): Promise<void> {
  if (!(await exists(path))) return
  const before = (await readJson(path)) as Record<string, unknown>
  for (const name of new Set([...Object.keys(before), ...Object.keys(config)])) {
    const [was, is] = [before[name], config[name]].map((value) => JSON.stringify(value) ?? 'not set')
    if (was === is || changeable.includes(name)) continue
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `The run in ${dir} was started with ${name} ${was}, not ${is}.`,
      {
        hint: `A resumed run keeps its options; leave out ${name}, or start a new run.`,
      },
    )
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
