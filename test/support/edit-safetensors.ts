import { readFile, writeFile } from 'node:fs/promises'

/** The header of a .safetensors file as it is stored. */
export interface RawHeader {
  __metadata__: Record<string, string>
  [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] } | Record<string, string>
}

/** The header of a .safetensors file, and the bytes after it. */
export async function readRaw(path: string): Promise<{ header: RawHeader; data: Buffer }> {
  const bytes = await readFile(path)
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  return { header: JSON.parse(bytes.toString('utf8', 8, end)), data: bytes.subarray(end) }
}

/** Writes a copy of a .safetensors file with changes to its header and its data. */
export async function editSafetensors(
  from: string,
  to: string,
  change: (header: RawHeader, data: Buffer) => void,
): Promise<void> {
  const { header, data } = await readRaw(from)
  change(header, data)
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  await writeFile(to, Buffer.concat([length, text, data]))
}

/** Where a tensor's bytes are in the data. */
export function offsetsOf(header: RawHeader, name: string): [number, number] {
  return header[name].data_offsets as [number, number]
}
