import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { expect } from 'chai'
import sharp from 'sharp'
import { DenseHybridError, type ErrorCode } from '../../lib/errors.ts'

/** A folder that `remove` deletes again. */
export interface TempFolder {
  readonly path: string
  /** Writes a file, making the folders above it; returns its path. */
  write(name: string, content: string | Uint8Array): Promise<string>
  remove(): Promise<void>
}

export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'densehybrid-'))
  return {
    path,
    write: async (name, content) => {
      const file = join(path, name)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, content)
      return file
    },
    remove: () => rm(path, { recursive: true, force: true }),
  }
}

/** A PNG of grey values, width × height. */
export function greyPng(width: number, height: number, values: ArrayLike<number>): Promise<Buffer> {
  return sharp(Uint8Array.from(values), { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
}

/** A PNG of one colour. */
export function colourPng(width: number, height: number, background = '#336699'): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer()
}

/** A PNG file from its parts; samples are packed by the caller, one filter byte before each row. */
export function pngFile(
  header: { width: number; height: number; bitDepth: number; colourType: number },
  rows: number[][],
  extra: [string, Buffer][] = [],
): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, checksum])
  }
  const ihdr = Buffer.alloc(13)
  ihdr.writeUInt32BE(header.width, 0)
  ihdr.writeUInt32BE(header.height, 4)
  ihdr[8] = header.bitDepth
  ihdr[9] = header.colourType
  const pixels = deflateSync(Buffer.from(rows.flatMap((row) => [0, ...row])))
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', ihdr),
    ...extra.map(([type, data]) => chunk(type, data)),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Pixels that no codec stores in a few bytes. */
export function noise(length: number): Uint8Array {
  let state = 1
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** Awaits the rejection of `promise` with a DenseHybridError of the given code and returns it. */
export async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<DenseHybridError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome, 'rejection').to.be.instanceOf(DenseHybridError)
  const error = outcome as DenseHybridError
  expect(error.code, error.message).to.equal(code)
  return error
}

/** Calls `action`, which must throw a DenseHybridError of the given code, and returns that. */
export function thrown(action: () => unknown, code: ErrorCode): DenseHybridError {
  let outcome: unknown
  try {
    action()
  } catch (error) {
    outcome = error
  }
  expect(outcome, 'exception').to.be.instanceOf(DenseHybridError)
  const error = outcome as DenseHybridError
  expect(error.code, error.message).to.equal(code)
  return error
}
