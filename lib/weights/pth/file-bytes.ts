import type { FileHandle } from 'node:fs/promises'
import { fileError } from '../../data/read-bytes.ts'
import { abortedError, throwIfAborted } from '../../errors.ts'
import { damaged } from './pth-error.ts'

/** Bytes of one read: the system takes less than 2 GiB at once, and between two reads an abort is noticed. */
const PIECE = 2 ** 26

/** A file that is open for reading. */
export interface OpenFile {
  /** For messages. */
  readonly path: string
  readonly handle: FileHandle
  /** Length in bytes when it was opened. */
  readonly size: number
  readonly signal?: AbortSignal
}

/**
 * Reads `length` bytes from `position` into memory of their own, aligned for any typed array.
 *
 * @throws DenseHybridError INVALID_FILE where the file ends before or the memory cannot be had; IO; ABORTED
 */
export async function readAt(
  file: OpenFile,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { path, handle, size, signal } = file
  if (!(position >= 0 && length >= 0 && position + length <= size)) throw damaged(path, 'it is truncated')
  const bytes = allocate(path, length)
  for (let at = 0; at < length; ) {
    throwIfAborted(signal)
    const { bytesRead } = await handle
      .read(bytes, at, Math.min(PIECE, length - at), position + at)
      .catch((error: unknown) => {
        throw signal?.aborted ? abortedError(signal) : fileError(path, error)
      })
    if (bytesRead === 0) throw damaged(path, 'it became shorter while it was read')
    at += bytesRead
  }
  return bytes
}

function allocate(path: string, length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length)
  } catch (error) {
    throw damaged(path, `${length} bytes of it do not fit into memory at once`, error)
  }
}
