import { fileKind } from '../../evaluation/readers/file-kind.ts'
import { type OpenFile, readAt } from './file-bytes.ts'
import { damaged, refused } from './pth-error.ts'
import type { ZipArchive } from './zip-archive.ts'

/** Bytes that are looked at. */
const BEGIN = 512
const ZIP_START = 'PK\x03\x04'
/** The number 0x1950a86a20f9469cfc6c as a pickle of its own, after the protocol's number. */
const LEGACY_START = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex')
const PROTO = 0x80
const TAR_AT = 257
/** Longest value of the entry `byteorder`. */
const BYTE_ORDER_MOST = 16

/**
 * Refuses what is not an archive of torch.save by its first bytes, saying what it is: PyTorch's formats before version
 * 1.6, a .safetensors file, a picture.
 *
 * @throws DenseHybridError INVALID_FILE
 */
export async function checkBegin(file: OpenFile): Promise<void> {
  const { path, size } = file
  if (size === 0) throw damaged(path, 'it is empty (0 bytes)')
  const bytes = Buffer.from((await readAt(file, 0, Math.min(BEGIN, size))).buffer)
  const text = bytes.toString('latin1')
  if (text.startsWith(ZIP_START)) return
  if (bytes[0] === PROTO && bytes.subarray(2, 2 + LEGACY_START.length).equals(LEGACY_START)) {
    throw refused(
      path,
      'is in the format of PyTorch before 1.6',
      rewriting("torch.load(old, map_location='cpu', weights_only=True)"),
    )
  }
  if (text.startsWith('ustar', TAR_AT)) {
    throw refused(
      path,
      'is a tar archive, the format of PyTorch before 0.1.10',
      `${rewriting("torch.load(old, map_location='cpu', weights_only=False)")} This executes what is in the file: do it only where you trust it.`,
    )
  }
  if (bytes[0] === PROTO) {
    throw refused(
      path,
      'is a pickle, not an archive of torch.save',
      'If it holds weights: load it where you trust it, and write them with torch.save(weights, path).',
    )
  }
  if (text[8] === '{') {
    throw refused(path, 'is a .safetensors file', 'Rename it: its extension must be .safetensors.')
  }
  const kind = fileKind(bytes)
  if (kind === undefined) throw damaged(path, 'it does not begin like one')
  throw refused(
    path,
    `is ${kind}, not a PyTorch file`,
    kind.includes('Git LFS')
      ? 'Run git lfs pull in the repository it came from.'
      : 'Give the path of a .pth file.',
  )
}

/**
 * Finds the folder of an archive that has the weights, and checks that it is what torch.save writes in little-endian
 * byte order.
 *
 * @returns its name
 * @throws DenseHybridError INVALID_FILE where it is a TorchScript module, of big-endian order or another archive
 */
export async function checkArchive(path: string, archive: ZipArchive): Promise<string> {
  const { names } = archive
  const root = names.length === 0 ? '' : names[0].slice(0, Math.max(0, names[0].indexOf('/')))
  if (archive.find(`${root}/constants.pkl`) || names.some((name) => name.startsWith(`${root}/code/`))) {
    throw refused(
      path,
      'is a TorchScript module; use Segmenter.fromTorchScript',
      'A .pth file of weights is read here.',
    )
  }
  if (archive.find(`${root}/data.pkl`) === undefined) {
    throw refused(
      path,
      'is a ZIP archive that torch.save did not write: it has no data.pkl',
      "Save the weights in Python: torch.save(model.state_dict(), 'weights.pth').",
    )
  }
  const entry = archive.find(`${root}/byteorder`)
  const order =
    entry === undefined ? 'little' : (await archive.read(entry, BYTE_ORDER_MOST)).toString('latin1')
  if (order === 'big') {
    throw refused(
      path,
      'has numbers in big-endian byte order',
      'Load it in Python and save it again on a machine of little-endian order (x86-64, ARM).',
    )
  }
  if (order !== 'little') throw damaged(path, `its byte order is ${JSON.stringify(order)}`)
  return root
}

function rewriting(load: string): string {
  return `Rewrite it in Python: import torch; old = 'old.pth'; torch.save(${load}, 'new.pth').`
}
