import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { fileError, readJson } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'
import { stageName } from './recipe.ts'

/** The file of a run that says what was run, on what, with what. */
export const MANIFEST_FILE = 'manifest.json'

const output = z.object({ path: z.string(), bytes: z.number(), sha256: z.string() })

const stageRecord = z.object({
  /** As one would type it. */
  command: z.string(),
  state: z.enum(['running', 'done', 'failed', 'interrupted']),
  /** ISO 8601. */
  started: z.string(),
  /** Of all attempts. */
  seconds: z.number(),
  outputs: z.array(output),
  error: z.string().optional(),
})

const manifest = z.object({
  format: z.literal(1),
  recipe: z.object({ name: z.string(), title: z.string(), sha256: z.string() }),
  /** Type this to do the same again. */
  repeat: z.string(),
  smoke: z.boolean(),
  /** Version of the package, with the commit where it runs from a checkout. */
  version: z.string(),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  device: z.string(),
  datasets: z.array(
    z.object({
      spec: z.string(),
      use: z.enum(['images', 'negatives']),
      name: z.string(),
      images: z.number(),
      hash: z.string(),
      hashOf: z.enum(['files', 'ids']),
    }),
  ),
  // The names are those of folders in the run, and of no others.
  stages: z.record(stageName, stageRecord),
})

/** What is kept of a run, so that it can be repeated and gone on with. */
export type Manifest = z.infer<typeof manifest>
/** What is kept of a stage. */
export type StageRecord = z.infer<typeof stageRecord>

/** The manifest of the run in a folder, or undefined where there is none. Throws INVALID_FILE. */
export async function readManifest(dir: string): Promise<Manifest | undefined> {
  const path = join(dir, MANIFEST_FILE)
  let found: unknown
  try {
    found = await readJson(path)
  } catch (error) {
    if (error instanceof DenseHybridError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
  const parsed = manifest.safeParse(found)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new DenseHybridError(
    'INVALID_FILE',
    `${path} is no manifest of a recipe: ${issue.path.join('.')}: ${issue.message}.`,
    { hint: 'Choose another --out, or delete that file.' },
  )
}

/** Writes the manifest of a run, atomically. */
export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const path = join(dir, MANIFEST_FILE)
  try {
    await writeFileAtomic(path, `${JSON.stringify(manifest, null, 2)}\n`)
  } catch (error) {
    throw fileError(path, error)
  }
}

/** Size and hash of every file below a folder, by its path in it. */
export async function describeOutputs(folder: string): Promise<StageRecord['outputs']> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const outputs: StageRecord['outputs'] = []
  for (const path of paths.sort()) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    outputs.push({
      path: path.slice(folder.length + 1),
      bytes: (await stat(path)).size,
      sha256: hash.digest('hex'),
    })
  }
  return outputs
}
