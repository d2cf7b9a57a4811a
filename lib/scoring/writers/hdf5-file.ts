/**
 * The bytes of an HDF5 file with one dataset of float16 in compressed chunks, after the "HDF5 File Format
 * Specification" 3.0: version 0 of the superblock and version 1 of the object headers, which every release of the
 * library reads. h5wasm cannot write float16, and would compress on the event loop.
 */

/** A dataset's chunk: its compressed bytes and the first row and column that it covers. */
export interface Hdf5Chunk {
  readonly row: number
  readonly column: number
  readonly bytes: Uint8Array
}

/** A dataset H×W of float16 in chunks, all of the same size; those at the edges reach beyond it. */
export interface Hdf5Dataset {
  readonly name: string
  readonly shape: readonly [number, number]
  readonly chunkShape: readonly [number, number]
  /** At most {@link MAX_CHUNKS}, in row-major order. */
  readonly chunks: readonly Hdf5Chunk[]
  /** Of the deflate filter, 1 … 9; readers do not need it. */
  readonly level: number
}

/** Chunks that one node of the index holds. */
export const MAX_CHUNKS = 64

const NONE = 0xffff_ffff_ffff_ffffn
const GROUP_LEAF_K = 4
const GROUP_INTERNAL_K = 16
const SUPERBLOCK_SIZE = 96
const ROOT_HEADER_SIZE = 40
const GROUP_NODE_SIZE = 24 + 2 * GROUP_INTERNAL_K * 8 + (2 * GROUP_INTERNAL_K + 1) * 8
const SYMBOL_NODE_SIZE = 8 + 2 * GROUP_LEAF_K * 40
const HEAP_HEADER_SIZE = 32
/** Size and filter mask, then an offset for each dimension and for the bytes of an element. */
const CHUNK_KEY_SIZE = 8 + 3 * 8
const CHUNK_NODE_SIZE = 24 + MAX_CHUNKS * 8 + (MAX_CHUNKS + 1) * CHUNK_KEY_SIZE
const ELEMENT_SIZE = 2

/** The whole file. */
export function hdf5File(dataset: Hdf5Dataset): Buffer {
  // The name at offset 8 of the heap, after the empty name of the root.
  const names = padded(Buffer.concat([Buffer.alloc(8), Buffer.from(`${dataset.name}\0`)]))
  const rootHeader = SUPERBLOCK_SIZE
  const groupNode = rootHeader + ROOT_HEADER_SIZE
  const heap = groupNode + GROUP_NODE_SIZE
  const symbolNode = heap + HEAP_HEADER_SIZE + names.length
  const header = symbolNode + SYMBOL_NODE_SIZE
  const headerSize = datasetHeader(dataset, 0).length
  const index = header + headerSize
  const content = index + CHUNK_NODE_SIZE
  const end = dataset.chunks.reduce((at, { bytes }) => at + bytes.length, content)
  return Buffer.concat([
    superblock(end, rootHeader, groupNode, heap),
    objectHeader([[0x11, [uint64(groupNode), uint64(heap)]]]),
    sized(GROUP_NODE_SIZE, [...nodeStart(0, 1), uint64(0), uint64(symbolNode), uint64(8)]),
    Buffer.from('HEAP\0\0\0\0', 'latin1'),
    ...[names.length, 1, heap + HEAP_HEADER_SIZE].map(uint64), // 1: no free space
    names,
    sized(SYMBOL_NODE_SIZE, [
      Buffer.from('SNOD\x01\0', 'latin1'),
      uint16(1),
      uint64(8),
      uint64(header),
      Buffer.alloc(24),
    ]),
    datasetHeader(dataset, index),
    chunkIndex(dataset, content),
    ...dataset.chunks.map(({ bytes }) => bytes),
  ])
}

function superblock(end: number, rootHeader: number, groupNode: number, heap: number): Buffer {
  return Buffer.concat([
    Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'),
    Buffer.from([0, 0, 0, 0, 0, 8, 8, 0]), // versions; offsets and lengths take 8 bytes
    uint16(GROUP_LEAF_K),
    uint16(GROUP_INTERNAL_K),
    uint32(0),
    uint64(0),
    uint64(NONE),
    uint64(end),
    uint64(NONE),
    uint64(0), // the root's name
    uint64(rootHeader),
    uint32(1), // what follows is where the root's members are
    uint32(0),
    uint64(groupNode),
    uint64(heap),
  ])
}

function datasetHeader({ shape, chunkShape, level }: Hdf5Dataset, index: number): Buffer {
  return objectHeader([
    [0x01, [Buffer.from([1, 2, 0, 0, 0, 0, 0, 0]), ...shape.map(uint64)]],
    // Float, little-endian, fraction with implied first bit, sign at bit 15; then bits 0 … 15: exponent of 5 at 10,
    // fraction of 10 at 0, bias 15.
    [0x03, [Buffer.from([0x11, 0x20, 15, 0, ELEMENT_SIZE, 0, 0, 0, 0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0])]],
    [0x05, [Buffer.from([2, 3, 2, 1, 0, 0, 0, 0])]], // fill with 0; space is taken as chunks are written
    [0x08, [Buffer.from([3, 2, 3]), uint64(index), ...[...chunkShape, ELEMENT_SIZE].map(uint32)]],
    // One filter: deflate, optional, with one parameter.
    [
      0x0b,
      [
        Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 1, 0]),
        Buffer.from('deflate\0'),
        uint32(level),
        uint32(0),
      ],
    ],
  ])
}

function chunkIndex({ chunkShape: [height, width], chunks }: Hdf5Dataset, content: number): Buffer {
  const parts = nodeStart(1, chunks.length)
  let at = content
  for (const { row, column, bytes } of chunks) {
    parts.push(chunkKey(bytes.length, row, column, 0), uint64(at))
    at += bytes.length
  }
  const { row, column } = chunks[chunks.length - 1]
  parts.push(chunkKey(0, row + height, column + width, ELEMENT_SIZE))
  return sized(CHUNK_NODE_SIZE, parts)
}

function chunkKey(size: number, row: number, column: number, element: number): Buffer {
  return Buffer.concat([uint32(size), uint32(0), uint64(row), uint64(column), uint64(element)])
}

/** A leaf of a B-tree without siblings. */
function nodeStart(type: number, entries: number): Buffer[] {
  return [Buffer.from('TREE'), Buffer.from([type, 0]), uint16(entries), uint64(NONE), uint64(NONE)]
}

function objectHeader(messages: readonly (readonly [type: number, parts: readonly Buffer[]])[]): Buffer {
  const written = messages.map(([type, parts]) => {
    const body = padded(Buffer.concat(parts))
    const isConstant = type === 0x03 || type === 0x05 || type === 0x0b
    return Buffer.concat([
      uint16(type),
      uint16(body.length),
      Buffer.from([isConstant ? 1 : 0, 0, 0, 0]),
      body,
    ])
  })
  const size = written.reduce((sum, { length }) => sum + length, 0)
  const start = [Buffer.from([1, 0]), uint16(messages.length), uint32(1), uint32(size), uint32(0)]
  return Buffer.concat([...start, ...written])
}

/** The parts, filled up with zeros to a fixed size. */
function sized(size: number, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts], size)
}

/** Filled up to a multiple of eight bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], Math.ceil(bytes.length / 8) * 8)
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
