import { open } from 'node:fs/promises'
import { fileError } from '../data/read-bytes.ts'
import { ZipArchive } from './pth/zip-archive.ts'

/** Is it a file that torch.jit.save wrote? False for anything else that can be read. */
export async function isTorchScript(path: string): Promise<boolean> {
  try {
    const handle = await open(path)
    try {
      const { size } = await handle.stat()
      const start = Buffer.alloc(4)
      await handle.read(start, 0, 4, 0)
      if (start.toString('latin1') !== 'PK\x03\x04') return false
      const { names } = await ZipArchive.open({ path, handle, size, signal: undefined })
      return names.some((name) => name.endsWith('/constants.pkl'))
    } finally {
      await handle.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw fileError(path, error)
    return false // what reads it then says what is wrong with it
  }
}
