import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { fileError } from '../data/read-bytes.ts'

/** Lists the finished inputs of an output folder, one JSON object a line. */
export const MANIFEST_FILE = 'manifest.jsonl'

/** Lists the inputs that the last run left out, one JSON object a line. */
export const SKIPPED_FILE = 'skipped.jsonl'

const entrySchema = z.object({
  /** Absolute path of the image. */
  input: z.string(),
  /** Bytes and modification time (ms) of the image, to notice that it changed. */
  bytes: z.number(),
  modified: z.number(),
  /** Name of the outputs, see `OutputNames`. */
  name: z.string(),
  /** Hash of model and options. */
  settings: z.string(),
  /** Size of the outputs in pixels. */
  height: z.number(),
  width: z.number(),
  /** Output files relative to the folder, by kind. */
  outputs: z.record(z.string(), z.string()),
})

/** One finished input. */
export type ManifestEntry = z.output<typeof entrySchema>

/** One input that was left out. */
export interface SkippedEntry {
  readonly path: string
  readonly code: string
  readonly reason: string
}

/**
 * Reads the finished inputs of an output folder, by the absolute path of the input; a later line replaces an earlier one.
 * Lines that cannot be read (the last one, when the machine stopped while it was written) do not count.
 */
export async function readManifest(folder: string): Promise<Map<string, ManifestEntry>> {
  const path = join(folder, MANIFEST_FILE)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw fileError(path, error)
  })
  const entries = new Map<string, ManifestEntry>()
  for (const line of text.split('\n')) {
    const parsed = entrySchema.safeParse(parseLine(line))
    if (parsed.success) entries.set(parsed.data.input, parsed.data)
  }
  return entries
}

/** Adds a finished input, once all its outputs are in place. */
export function appendManifest(folder: string, entry: ManifestEntry): Promise<void> {
  return appendLine(join(folder, MANIFEST_FILE), entry)
}

/** Adds an input that was left out. */
export function appendSkipped(folder: string, entry: SkippedEntry): Promise<void> {
  return appendLine(join(folder, SKIPPED_FILE), entry)
}

/**
 * Begins the list of a new run, and ends a line that an interrupted run may have left open in the manifest: what is
 * appended next would otherwise be lost with it.
 */
export async function beginRun(folder: string): Promise<void> {
  const skipped = join(folder, SKIPPED_FILE)
  await writeFile(skipped, '').catch((error) => {
    throw fileError(skipped, error)
  })
  const manifest = join(folder, MANIFEST_FILE)
  const text = await readFile(manifest, 'utf8').catch(() => '')
  if (text !== '' && !text.endsWith('\n')) await appendText(manifest, '\n')
}

function appendLine(path: string, value: unknown): Promise<void> {
  return appendText(path, `${JSON.stringify(value)}\n`)
}

/** One write call: lines of concurrent writers do not mix. */
async function appendText(path: string, text: string): Promise<void> {
  await appendFile(path, text).catch((error) => {
    throw fileError(path, error)
  })
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
