import { Worker } from 'node:worker_threads'

/**
 * Starts a thread with the module `name` beside the module `from`. Where that runs as TypeScript, tsx must load the
 * thread's module, too: the hooks of this thread do not reach the first module of another.
 *
 * @param name without extension, e.g. `./resampling-worker`
 * @param from `import.meta.url` of the caller
 */
export function startThread(name: string, from: string, workerData?: unknown): Worker {
  const isSource = from.endsWith('.ts')
  const file = new URL(`${name}.${isSource ? 'ts' : 'js'}`, from)
  // `node --input-type=module -e …` hands its flag on to threads, where it must not be.
  const execArgv = process.execArgv.some((flag) => flag.startsWith('--input-type')) ? [] : undefined
  if (!isSource) return new Worker(file, { workerData, execArgv })
  // Mocha loads this file in a way that lacks `resolve`, but from the project's own folder.
  const tsx = import.meta.resolve?.('tsx/esm/api') ?? 'tsx/esm/api'
  const [api, entry, parent] = [tsx, file.href, from].map((text) => JSON.stringify(text))
  return new Worker(`import(${api}).then(({ tsImport }) => tsImport(${entry}, ${parent}))`, {
    eval: true,
    workerData,
  })
}
