import { crc32 } from './crc32.ts'

/** Content of an entry begins at a multiple of it, so that it can be mapped into memory. */
const ALIGNMENT = 64

const STORED_VERSION = 20
const ZIP64_VERSION = 45
/** Names are UTF-8. */
const FLAGS = 0x0800
/** 1 January 1980, the first day there is in a ZIP archive: equal content gives equal files. */
const DATE = 0x21
const MAX_16 = 0xffff
const MAX_32 = 0xffff_ffff
const ZIP64_FIELD = 1
/** Kind of the field that fills up to the alignment; PyTorch's is the same. */
const PADDING_FIELD = 0x4246

interface Written {
  readonly name: Buffer
  readonly checksum: number
  readonly size: number
  readonly header: number
}

/** Writes a ZIP archive of stored, aligned entries, one after the other, as PyTorch lays it out. */
export class ZipWriter {
  readonly #write: (bytes: Uint8Array) => Promise<void>
  readonly #entries: Written[] = []
  #at = 0

  /** @param write appends bytes to the archive */
  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write
  }

  async add(name: string, content: Uint8Array): Promise<void> {
    const entry: Written = {
      name: Buffer.from(name),
      checksum: await crc32(content),
      size: content.length,
      header: this.#at,
    }
    this.#entries.push(entry)
    await this.#append(localHeader(entry))
    await this.#append(content)
  }

  /** Writes the directory; nothing can be added after it. */
  async finish(): Promise<void> {
    const start = this.#at
    for (const entry of this.#entries) await this.#append(directoryEntry(entry))
    await this.#append(archiveEnd(this.#entries.length, start, this.#at))
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes)
    this.#at += bytes.length
  }
}

function localHeader({ name, checksum, size, header }: Written): Buffer {
  const wide = size >= MAX_32 ? zip64Field([size, size]) : Buffer.alloc(0)
  const start = header + 30 + name.length + wide.length + 4
  const padding = Buffer.alloc(4 + ((ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT), 'Z')
  padding.writeUInt16LE(PADDING_FIELD, 0)
  padding.writeUInt16LE(padding.length - 4, 2)
  const bytes = Buffer.alloc(30)
  bytes.writeUInt32LE(0x0403_4b50, 0)
  bytes.writeUInt16LE(versionFor(size), 4)
  writeShared(bytes, 6, checksum, size)
  bytes.writeUInt16LE(name.length, 26)
  bytes.writeUInt16LE(wide.length + padding.length, 28)
  return Buffer.concat([bytes, name, wide, padding])
}

function directoryEntry({ name, checksum, size, header }: Written): Buffer {
  const numbers = [...(size >= MAX_32 ? [size, size] : []), ...(header >= MAX_32 ? [header] : [])]
  const wide = numbers.length > 0 ? zip64Field(numbers) : Buffer.alloc(0)
  const bytes = Buffer.alloc(46)
  bytes.writeUInt32LE(0x0201_4b50, 0)
  bytes.writeUInt16LE(versionFor(Math.max(size, header)), 4)
  bytes.writeUInt16LE(versionFor(Math.max(size, header)), 6)
  writeShared(bytes, 8, checksum, size)
  bytes.writeUInt16LE(name.length, 28)
  bytes.writeUInt16LE(wide.length, 30)
  bytes.writeUInt32LE(Math.min(header, MAX_32), 42)
  return Buffer.concat([bytes, name, wide])
}

/** What both headers of an entry have: flags, method (stored), time, date, checksum, sizes. */
function writeShared(bytes: Buffer, at: number, checksum: number, size: number): void {
  bytes.writeUInt16LE(FLAGS, at)
  bytes.writeUInt16LE(DATE, at + 6)
  bytes.writeUInt32LE(checksum, at + 8)
  bytes.writeUInt32LE(Math.min(size, MAX_32), at + 12)
  bytes.writeUInt32LE(Math.min(size, MAX_32), at + 16)
}

/** The end of zip64, its locator, and the end for readers that do not know those. */
function archiveEnd(count: number, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(56 + 20 + 22)
  bytes.writeUInt32LE(0x0606_4b50, 0)
  bytes.writeBigUInt64LE(44n, 4)
  bytes.writeUInt16LE(ZIP64_VERSION, 12)
  bytes.writeUInt16LE(ZIP64_VERSION, 14)
  bytes.writeBigUInt64LE(BigInt(count), 24)
  bytes.writeBigUInt64LE(BigInt(count), 32)
  bytes.writeBigUInt64LE(BigInt(end - start), 40)
  bytes.writeBigUInt64LE(BigInt(start), 48)
  bytes.writeUInt32LE(0x0706_4b50, 56)
  bytes.writeBigUInt64LE(BigInt(end), 64)
  bytes.writeUInt32LE(1, 72)
  bytes.writeUInt32LE(0x0605_4b50, 76)
  bytes.writeUInt16LE(Math.min(count, MAX_16), 84)
  bytes.writeUInt16LE(Math.min(count, MAX_16), 86)
  bytes.writeUInt32LE(Math.min(end - start, MAX_32), 88)
  bytes.writeUInt32LE(Math.min(start, MAX_32), 92)
  return bytes
}

function zip64Field(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * numbers.length)
  bytes.writeUInt16LE(ZIP64_FIELD, 0)
  bytes.writeUInt16LE(8 * numbers.length, 2)
  for (const [i, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), 4 + 8 * i)
  return bytes
}

function versionFor(largest: number): number {
  return largest >= MAX_32 ? ZIP64_VERSION : STORED_VERSION
}
