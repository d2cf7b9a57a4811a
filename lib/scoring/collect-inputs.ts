import { stat } from 'node:fs/promises'
import { extname, isAbsolute, join } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { IMAGE_EXTENSIONS } from '../data/decode.ts'
import { readBytes } from '../data/read-bytes.ts'
import { DenseHybridError } from '../errors.ts'

/** Where {@link collectInputs} reads from. */
export interface CollectOptions {
  /** Read for the input `-`: one path a line. */
  readonly stdin?: AsyncIterable<Uint8Array | string>
  readonly signal?: AbortSignal
}

/**
 * The image files that inputs stand for, in order and without repeats:
 *
 * - a file is itself (also one that is missing: whoever reads it reports it)
 * - a folder stands for all images below it
 * - a pattern such as `photos/*.jpg` stands for the files that it matches
 * - a `.txt` list has one path a line (# starts a comment), a `.jsonl` list one JSON string or object with `path` or
 *   `input`; `-` is such a list on stdin. Paths in lists are relative to the current folder
 *
 * @throws DenseHybridError EMPTY naming the folder, pattern or list without images; NOT_FOUND, INVALID_FILE for a list
 */
export async function collectInputs(
  inputs: readonly string[],
  options: CollectOptions = {},
): Promise<string[]> {
  const paths = new Set<string>()
  for (const input of inputs) {
    const found = await expand(input, options)
    if (found.length === 0) {
      throw new DenseHybridError('EMPTY', `${input === '-' ? 'The list on stdin' : input} names no image.`, {
        hint: `Images are files that end with ${IMAGE_EXTENSIONS.join(' ')}`,
      })
    }
    for (const path of found) paths.add(path)
  }
  return [...paths]
}

async function expand(input: string, { stdin, signal }: CollectOptions): Promise<string[]> {
  if (input === '-') return parseList(await readText(stdin ?? process.stdin), 'stdin')
  const status = await stat(input).catch(() => undefined)
  if (status?.isDirectory()) return imagesBelow(input, signal)
  if (status === undefined && isDynamicPattern(input))
    return sorted(await glob(input, { absolute: isAbsolute(input), signal }))
  if (['.txt', '.jsonl'].includes(extname(input).toLowerCase())) {
    return parseList((await readBytes(input, { signal })).toString('utf8'), input)
  }
  return [input]
}

async function imagesBelow(folder: string, signal: AbortSignal | undefined): Promise<string[]> {
  const files = await glob('**/*', { cwd: folder, signal })
  const images = files.filter((file) => IMAGE_EXTENSIONS.includes(extname(file).toLowerCase()))
  return sorted(images).map((file) => join(folder, file))
}

/** In an order that no locale changes. */
function sorted(paths: readonly string[]): string[] {
  return [...paths].sort((a, b) => (a < b ? -1 : 1))
}

function parseList(text: string, name: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const isJson = extname(name).toLowerCase() === '.jsonl' || (name === 'stdin' && /^["{]/.test(lines[0]))
  return lines.flatMap((line, number) => {
    if (line === '') return []
    if (isJson) return [pathOfLine(line, `line ${number + 1} of ${name}`)]
    return line.startsWith('#') ? [] : [line]
  })
}

function pathOfLine(line: string, where: string): string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `The ${where} is not JSON: ${(error as Error).message}`)
  }
  const { path, input } = Object(value) as { path?: unknown; input?: unknown }
  const found = typeof value === 'string' ? value : (path ?? input)
  if (typeof found === 'string' && found !== '') return found
  throw new DenseHybridError(
    'INVALID_FILE',
    `The ${where} is neither a path nor an object with path or input.`,
  )
}

async function readText(stream: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream)
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}
