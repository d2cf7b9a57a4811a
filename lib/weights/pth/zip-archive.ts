import { type OpenFile, readAt } from './file-bytes.ts'
import { damaged, refused } from './pth-error.ts'

const LOCAL_HEADER = 0x0403_4b50
const LOCAL_HEADER_SIZE = 30
const DIRECTORY_ENTRY = 0x0201_4b50
const DIRECTORY_ENTRY_SIZE = 46
const DIRECTORY_END = 0x0605_4b50
const DIRECTORY_END_SIZE = 22
const ZIP64_END = 0x0606_4b50
const ZIP64_END_SIZE = 56
const ZIP64_LOCATOR = 0x0706_4b50
const ZIP64_LOCATOR_SIZE = 20
const ZIP64_FIELD = 1
const MAX_COMMENT = 0xffff
/** A 32-bit number that says: the true one is in the zip64 field. */
const IN_ZIP64 = 0xffff_ffff
/** Flag of an entry. */
const ENCRYPTED = 1
const STORED = 0

/** Bytes of a list of entries, at most: enough for half a million tensors. */
const MAX_DIRECTORY = 2 ** 25

/** One entry of an archive, by what the archive's directory says. */
export interface ZipEntry {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Bytes that it takes in the archive. */
  readonly storedSize: number
  /** Byte of the file at which its own header begins. */
  readonly header: number
  /** Stored as it is: neither compressed nor encrypted. */
  readonly plain: boolean
}

interface Directory {
  readonly offset: number
  readonly size: number
  readonly count: number
}

/**
 * A ZIP archive (zip64 included) of which entries are read that are stored without compression, as torch.save does. Only
 * the directory is held in memory. Checksums are not compared: PyTorch can be told to leave them out.
 */
export class ZipArchive {
  readonly #file: OpenFile
  readonly #entries: ReadonlyMap<string, ZipEntry>
  /** Entries end before. */
  readonly #end: number
  /** Where the contents begin that were asked for. */
  readonly #located = new Map<ZipEntry, number>()

  private constructor(file: OpenFile, entries: ReadonlyMap<string, ZipEntry>, end: number) {
    this.#file = file
    this.#entries = entries
    this.#end = end
  }

  /**
   * Reads the directory.
   *
   * @param file stays open as long as the archive is used
   * @throws DenseHybridError INVALID_FILE naming the file where it is truncated or damaged
   */
  static async open(file: OpenFile): Promise<ZipArchive> {
    const directory = await findDirectory(file)
    const bytes = viewOf(await readAt(file, directory.offset, directory.size))
    const entries = new Map<string, ZipEntry>()
    let at = 0
    for (let i = 0; i < directory.count; i++) {
      const { entry, next } = parseEntry(file.path, bytes, at)
      if (entries.has(entry.name)) {
        throw damaged(file.path, `its archive has two entries named ${JSON.stringify(entry.name)}`)
      }
      if (entry.header + LOCAL_HEADER_SIZE + entry.storedSize > directory.offset) {
        throw damaged(file.path, `the entry ${JSON.stringify(entry.name)} lies outside of its archive`)
      }
      entries.set(entry.name, entry)
      at = next
    }
    return new ZipArchive(file, entries, directory.offset)
  }

  /** In the order of the directory. */
  get names(): string[] {
    return [...this.#entries.keys()]
  }

  /** `undefined` where there is no such entry. */
  find(name: string): ZipEntry | undefined {
    return this.#entries.get(name)
  }

  /**
   * The byte of the file at which an entry's content begins.
   *
   * @throws DenseHybridError INVALID_FILE where it is compressed, or its own header disagrees with the directory
   */
  async locate(entry: ZipEntry): Promise<number> {
    const { name, header, size, plain } = entry
    const known = this.#located.get(entry)
    if (known !== undefined) return known
    if (!plain) {
      throw refused(
        this.#file.path,
        `is an archive whose entry ${JSON.stringify(name)} is compressed or encrypted`,
        'torch.save does neither: unpack the archive if it holds .pth files, or save the weights again.',
      )
    }
    const wrong = () => damaged(this.#file.path, `the header of its entry ${JSON.stringify(name)} is damaged`)
    const bytes = viewOf(await readAt(this.#file, header, LOCAL_HEADER_SIZE))
    const nameLength = bytes.readUInt16LE(26)
    const content = header + LOCAL_HEADER_SIZE + nameLength + bytes.readUInt16LE(28)
    if (bytes.readUInt32LE(0) !== LOCAL_HEADER || bytes.readUInt16LE(8) !== STORED) throw wrong()
    if (nameLength !== Buffer.byteLength(name) || content + size > this.#end) throw wrong()
    this.#located.set(entry, content)
    return content
  }

  /**
   * The content of an entry.
   *
   * @param most bytes that it may have; a larger one is refused
   */
  async read(entry: ZipEntry, most: number): Promise<Buffer> {
    if (entry.size > most) {
      throw damaged(this.#file.path, `its entry ${JSON.stringify(entry.name)} has ${entry.size} bytes`)
    }
    return viewOf(await readAt(this.#file, await this.locate(entry), entry.size))
  }
}

/** The end record is the last of the file but for a comment; that of zip64 is found through a locator before it. */
async function findDirectory(file: OpenFile): Promise<Directory> {
  const { path, size } = file
  const start = Math.max(0, size - DIRECTORY_END_SIZE - MAX_COMMENT)
  const tail = viewOf(await readAt(file, start, size - start))
  let at = tail.length - DIRECTORY_END_SIZE
  const isEnd = () =>
    tail.readUInt32LE(at) === DIRECTORY_END &&
    at + DIRECTORY_END_SIZE + tail.readUInt16LE(at + 20) === tail.length
  while (at >= 0 && !isEnd()) at--
  if (at < 0) throw damaged(path, 'the directory at the end of its archive is missing (it is truncated)')
  const end = start + at
  const zip64 = await findZip64(file, end)
  const directory = zip64 ?? {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  }
  if (!(directory.offset + directory.size <= end)) {
    throw damaged(path, 'the directory of its archive lies outside of the file (it is truncated)')
  }
  if (directory.size > MAX_DIRECTORY || directory.count * DIRECTORY_ENTRY_SIZE > directory.size) {
    throw damaged(path, `its archive lists ${directory.count} entries in ${directory.size} bytes`)
  }
  return directory
}

async function findZip64(file: OpenFile, end: number): Promise<Directory | undefined> {
  if (end < ZIP64_LOCATOR_SIZE) return undefined
  const locator = viewOf(await readAt(file, end - ZIP64_LOCATOR_SIZE, ZIP64_LOCATOR_SIZE))
  if (locator.readUInt32LE(0) !== ZIP64_LOCATOR) return undefined
  const at = Number(locator.readBigUInt64LE(8))
  if (at + ZIP64_END_SIZE > end - ZIP64_LOCATOR_SIZE)
    throw damaged(file.path, 'the end of its archive is damaged')
  const record = viewOf(await readAt(file, at, ZIP64_END_SIZE))
  if (record.readUInt32LE(0) !== ZIP64_END) throw damaged(file.path, 'the end of its archive is damaged')
  const number = (offset: number) => Number(record.readBigUInt64LE(offset))
  return { count: number(32), size: number(40), offset: number(48) }
}

function parseEntry(path: string, bytes: Buffer, at: number): { entry: ZipEntry; next: number } {
  const cut = () => damaged(path, 'the directory of its archive is damaged')
  if (at + DIRECTORY_ENTRY_SIZE > bytes.length || bytes.readUInt32LE(at) !== DIRECTORY_ENTRY) throw cut()
  const nameEnd = at + DIRECTORY_ENTRY_SIZE + bytes.readUInt16LE(at + 28)
  const extraEnd = nameEnd + bytes.readUInt16LE(at + 30)
  const next = extraEnd + bytes.readUInt16LE(at + 32)
  if (next > bytes.length) throw cut()
  const name = bytes.toString('utf8', at + DIRECTORY_ENTRY_SIZE, nameEnd)
  const wide = zip64Numbers(bytes.subarray(nameEnd, extraEnd))
  // The zip64 field has only those numbers that do not fit into their 32 bits, in this order.
  const [size, storedSize, header] = [24, 20, 42].map((offset) => {
    const number = bytes.readUInt32LE(at + offset)
    return number === IN_ZIP64 ? (wide.shift() ?? number) : number
  })
  const plain = (bytes.readUInt16LE(at + 8) & ENCRYPTED) === 0 && bytes.readUInt16LE(at + 10) === STORED
  if (plain && storedSize !== size) throw cut()
  return { entry: { name, size, storedSize, header, plain }, next }
}

function zip64Numbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) === ZIP64_FIELD && end <= extra.length) {
      const numbers: number[] = []
      for (let i = at + 4; i + 8 <= end; i += 8) numbers.push(Number(extra.readBigUInt64LE(i)))
      return numbers
    }
    at = end
  }
  return []
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
