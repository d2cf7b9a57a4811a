import { open } from 'node:fs/promises'
import { fileError } from './data/read-bytes.ts'
import { DenseHybridError } from './errors.ts'
import { fileKind } from './evaluation/readers/file-kind.ts'
import { type OpenFile, readAt } from './weights/pth/file-bytes.ts'
import { refused } from './weights/pth/pth-error.ts'
import { ZipArchive } from './weights/pth/zip-archive.ts'

/** Bytes that tell formats apart. */
const BEGIN = 512
const ZIP_START = 'PK\x03\x04'

const EXPORT =
  'Write it in Python: torch.jit.script(model.eval()).save(path), or torch.jit.trace(model.eval(), image).save(path).'

/**
 * Refuses what torch.jit.save did not write, saying what it is, before any of it is run: folders, empty and truncated
 * files, state dicts of torch.save, checkpoints of this package, files of other formats.
 *
 * @throws DenseHybridError NOT_FOUND, INVALID_FILE, IO
 */
export async function checkTorchScriptFile(path: string): Promise<void> {
  const handle = await open(path).catch((error: unknown) => {
    throw fileError(path, error)
  })
  try {
    const status = await handle.stat()
    if (!status.isFile())
      throw refused(path, 'is no file', 'Give the path of a file that torch.jit.save wrote.')
    await checkContent({ path, handle, size: status.size })
  } catch (error) {
    throw error instanceof DenseHybridError ? error : fileError(path, error)
  } finally {
    await handle.close()
  }
}

/** Is it a file that torch.jit.save wrote? False for anything else that can be read. */
export async function isTorchScript(path: string): Promise<boolean> {
  try {
    await checkTorchScriptFile(path)
    return true
  } catch (error) {
    if (error instanceof DenseHybridError && error.code === 'INVALID_FILE') return false
    throw error
  }
}

async function checkContent(file: OpenFile): Promise<void> {
  const { path, size } = file
  if (size === 0) throw refused(path, 'is empty (0 bytes)', EXPORT)
  const bytes = Buffer.from((await readAt(file, 0, Math.min(BEGIN, size))).buffer)
  const text = bytes.toString('latin1')
  if (text[8] === '{') {
    throw refused(
      path,
      'is a .safetensors file, not a TorchScript module',
      'If Segmenter#save wrote it: Segmenter.load(path).',
    )
  }
  if (!text.startsWith(ZIP_START)) {
    throw refused(path, `is ${fileKind(bytes) ?? 'something else'}, not a TorchScript module`, EXPORT)
  }
  const archive = await ZipArchive.open(file)
  const { names } = archive
  const root = names.length === 0 ? '' : names[0].slice(0, Math.max(0, names[0].indexOf('/')))
  if (names.some((name) => name.startsWith(`${root}/code/`))) return
  if (archive.find(`${root}/data.pkl`) !== undefined) {
    throw refused(path, 'is a file of torch.save, which holds weights or a Python object but no code', EXPORT)
  }
  throw refused(path, 'is a ZIP archive that torch.jit.save did not write', EXPORT)
}
