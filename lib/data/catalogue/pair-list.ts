import { stat } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import { DenseHybridError, throwIfAborted } from '../../errors.ts'
import type { FileEntry } from '../datasets/labelled-files.ts'
import { withoutExtension } from '../datasets/pair-files.ts'
import { readBytes } from '../read-bytes.ts'

/** Where the CamVid lists that come with SegNet have their files. */
const SEGNET_ROOT = '/SegNet/CamVid/'

/**
 * Reads `root/<split>.txt`: an image and its label map a line, separated by a space, relative to `root`. The folder that
 * SegNet's lists name is the root, too. Ids are `<split>/<name of the image>`.
 *
 * @throws DenseHybridError `NOT_FOUND` for a file that is not there; `INVALID_FILE` for a line of another form, or an image
 * listed twice, all with the line; `EMPTY` for a list without lines
 */
export async function readPairList(
  root: string,
  split: string,
  signal: AbortSignal | undefined,
): Promise<FileEntry[]> {
  const file = join(root, `${split}.txt`)
  const text = (await readBytes(file, { signal })).toString('utf8').replace(/^\uFEFF/, '')
  const lineOf = new Map<string, number>()
  const entries: FileEntry[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const paths = line.trim().split(/\s+/)
    if (paths[0] === '') continue
    const where = `${file}, line ${index + 1}`
    if (paths.length !== 2) {
      throw new DenseHybridError(
        'INVALID_FILE',
        `${where}: expected an image and its label map, separated by a space, but found ${JSON.stringify(line.trim())}.`,
      )
    }
    throwIfAborted(signal)
    // One after the other: of two missing files, the image is always the one that is named.
    const image = await locate(root, paths[0], where)
    const labels = await locate(root, paths[1], where)
    const id = `${split}/${withoutExtension(basename(image))}`
    const before = lineOf.get(id)
    if (before !== undefined) {
      throw new DenseHybridError('INVALID_FILE', `${where}: ${id} is already in line ${before}.`)
    }
    lineOf.set(id, index + 1)
    entries.push({ id, image, labels })
  }
  if (entries.length === 0) throw new DenseHybridError('EMPTY', `${file} names no image.`)
  return entries
}

async function locate(root: string, path: string, where: string): Promise<string> {
  const relative = path.startsWith(SEGNET_ROOT) ? path.slice(SEGNET_ROOT.length) : path
  if (isAbsolute(relative)) {
    throw new DenseHybridError('INVALID_FILE', `${where}: ${path} is a complete path.`, {
      hint: `Paths are relative to ${root}.`,
    })
  }
  const found = join(root, relative)
  if ((await stat(found).catch(() => null))?.isFile()) return found
  throw new DenseHybridError('NOT_FOUND', `${where}: ${found} does not exist.`)
}
