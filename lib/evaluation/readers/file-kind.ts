import { DenseHybridError } from '../../errors.ts'

/** First bytes of file formats, as Latin-1 text; the longer ones first. */
const SIGNATURES: readonly (readonly [signature: string, name: string])[] = [
  ['version https://git-lfs', 'a Git LFS pointer'],
  ['\x89PNG\r\n\x1a\n', 'a PNG file'],
  ['\x89HDF\r\n\x1a\n', 'an HDF5 file'],
  ['\x93NUMPY', 'an .npy file'],
  ['PK\x03\x04', 'an .npz file or another ZIP archive'],
  ['\xff\xd8\xff', 'a JPEG file'],
  ['GIF8', 'a GIF file'],
  ['RIFF', 'a WebP file or another RIFF file'],
  ['II*\0', 'a TIFF file'],
  ['MM\0*', 'a TIFF file'],
  ['%PDF', 'a PDF file'],
  ['\x1f\x8b', 'a gzip file'],
]

/** HDF5 files may begin with a block of the user's, of one of these sizes. */
const HDF5_OFFSETS = [0, 512, 1024, 2048]

/** What a file is by its first bytes, e.g. "a PNG file"; undefined for what has none that are known. */
export function fileKind(bytes: Buffer): string | undefined {
  const begin = bytes.subarray(0, 64).toString('latin1')
  const known = SIGNATURES.find(([signature]) => begin.startsWith(signature))?.[1]
  return known ?? (isHdf5(bytes) ? 'an HDF5 file' : undefined)
}

/**
 * Checks that a file is of the kind that its extension says.
 *
 * @param expected one of the names of {@link fileKind}; undefined for a format without signature
 * @throws DenseHybridError INVALID_FILE saying what it is instead
 */
export function checkKind(path: string, bytes: Buffer, expected: string | undefined): void {
  const kind = fileKind(bytes)
  if (kind === expected) return
  if (kind === undefined) {
    throw new DenseHybridError('INVALID_FILE', `${path} is not ${expected}: it does not begin like one.`, {
      hint: 'The file is damaged, or its extension is wrong: write it again.',
    })
  }
  throw new DenseHybridError('INVALID_FILE', `${path} is ${kind}.`, {
    hint: kind.includes('Git LFS')
      ? 'Run git lfs pull in the repository it came from.'
      : 'The extension must say what the file is: rename it, or write it again in the format of its extension.',
  })
}

function isHdf5(bytes: Buffer): boolean {
  return HDF5_OFFSETS.some(
    (offset) => bytes.subarray(offset, offset + 8).toString('latin1') === '\x89HDF\r\n\x1a\n',
  )
}
