import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { fileError } from '../../data/read-bytes.ts'

/** Writes a file atomically, making its folder. Throws IO naming the file. */
export async function writeOutput(path: string, content: Buffer): Promise<void> {
  await makeFolder(path)
  try {
    await writeFileAtomic(path, content)
  } catch (error) {
    throw fileError(path, error)
  }
}

/** Makes the folder of a file. Throws IO naming it. */
export async function makeFolder(path: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw fileError(folder, error)
  })
}
