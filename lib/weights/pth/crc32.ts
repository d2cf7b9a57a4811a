import { setImmediate } from 'node:timers/promises'
import * as zlib from 'node:zlib'

/** Bytes whose checksum is taken before other work gets its turn: a few milliseconds. */
const SLICE = 2 ** 22

/** CRC-32 of a ZIP archive (polynomial 0xedb88320, reflected). */
export async function crc32(bytes: Uint8Array): Promise<number> {
  let checksum = 0
  for (let start = 0; start < bytes.length; start += SLICE) {
    if (start > 0) await setImmediate()
    checksum = update(bytes.subarray(start, start + SLICE), checksum)
  }
  return checksum
}

/** Node has it since 20.15 and 22.2; the types call it certain. */
const update = (zlib.crc32 as typeof zlib.crc32 | undefined) ?? crc32ByTable

let table: Uint32Array | undefined

/** The same for older Node: `checksum` goes on from an earlier part. */
export function crc32ByTable(bytes: Uint8Array, checksum = 0): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb8_8320 : 0)
    return remainder
  })
  let remainder = ~checksum
  for (let i = 0; i < bytes.length; i++) remainder = table[(remainder ^ bytes[i]) & 0xff] ^ (remainder >>> 8)
  return ~remainder >>> 0
}
