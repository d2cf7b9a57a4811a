import { crc32 } from 'node:zlib'
import { DenseHybridError } from '../errors.ts'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const GREY = 0
const PALETTE = 3
const COLOUR_TYPES: Record<number, string> = {
  2: 'a colour (RGB) image',
  4: 'a grey image with an alpha channel',
  6: 'a colour (RGBA) image',
}

/** A single-channel PNG without its ancillary chunks, and how its samples are stored. */
export interface PlainPng {
  /** A greyscale PNG whose samples are the original's: grey values, or palette indices. */
  readonly png: Buffer
  /** 1, 2, 4 or 8. A decoder that widens grey samples to 8 bits multiplies them by 255 / (2^bitDepth − 1). */
  readonly bitDepth: number
}

/**
 * Rewrites the header of a single-channel PNG so that any decoder returns the stored sample values.
 *
 * Samples of a palette PNG are laid out exactly like those of a greyscale PNG of the same bit depth; only IHDR's colour
 * type and the PLTE chunk tell the decoder to replace them by colours. Leaving out everything but IHDR, IDAT and IEND
 * also removes gamma, colour profiles, transparency and EXIF orientation, none of which may touch a label.
 *
 * @throws DenseHybridError `INVALID_FILE` naming `path` for anything but a complete 1, 2, 4 or 8-bit single-channel PNG
 */
export function plainPng(bytes: Buffer, path: string): PlainPng {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    throw new DenseHybridError('INVALID_FILE', `${path} is not a PNG file.`, {
      hint: 'Label maps are 8-bit single-channel PNG files: lossy formats such as JPEG change the ids.',
    })
  }
  const kept: Buffer[] = [SIGNATURE]
  let bitDepth = 0
  let complete = false
  for (const chunk of chunks(bytes)) {
    if (chunk.type === 'IHDR') {
      bitDepth = checkHeader(chunk.data, path)
      kept.push(headerOfType(GREY, chunk.data))
    } else if (chunk.type === 'IDAT' || chunk.type === 'IEND') kept.push(chunk.whole)
    complete = chunk.type === 'IEND'
  }
  if (bitDepth === 0 || !complete) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} is truncated: the PNG file ends before its last chunk.`,
      {
        hint: 'Copy the file again.',
      },
    )
  }
  return { png: Buffer.concat(kept), bitDepth }
}

/** Yields the chunks that lie completely inside `bytes`, up to IEND. */
function* chunks(bytes: Buffer): Generator<{ type: string; data: Buffer; whole: Buffer }> {
  let at = SIGNATURE.length
  while (at + 12 <= bytes.length) {
    const end = at + 12 + bytes.readUInt32BE(at)
    if (end > bytes.length) return
    const type = bytes.toString('latin1', at + 4, at + 8)
    yield { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) }
    if (type === 'IEND') return
    at = end
  }
}

/** Bit depth of a header that describes a label map. */
function checkHeader(header: Buffer, path: string): number {
  const bitDepth = header[8]
  const colourType = header[9]
  const colour = COLOUR_TYPES[colourType]
  if (colour !== undefined) {
    throw new DenseHybridError('INVALID_FILE', `${path} is ${colour}, not a map of class ids.`, {
      hint:
        'Label maps are 8-bit single-channel PNG files. If all colour channels hold the id, keep one of them; ' +
        'if colours stand for classes, replace every colour by its id first.',
    })
  }
  if (bitDepth === 16) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} is a 16-bit image; label maps hold 8 bits per pixel.`,
      {
        hint: 'Write the ids 0 … 255 as 8-bit values, without rescaling them; instance ids above 254 do not fit.',
      },
    )
  }
  if (
    header.length !== 13 ||
    (colourType !== GREY && colourType !== PALETTE) ||
    ![1, 2, 4, 8].includes(bitDepth)
  ) {
    throw new DenseHybridError('INVALID_FILE', `${path} has a damaged PNG header.`)
  }
  return bitDepth
}

/**
 * Gives an 8-bit greyscale PNG a palette: its samples become indices, laid out as they were.
 *
 * @param colours 256×3 RGB
 */
export function palettePng(png: Buffer, colours: Uint8Array): Buffer {
  const parts: Buffer[] = [SIGNATURE]
  for (const chunk of chunks(png)) {
    if (chunk.type === 'IHDR') parts.push(headerOfType(PALETTE, chunk.data), makeChunk('PLTE', colours))
    else if (chunk.type === 'IDAT' || chunk.type === 'IEND') parts.push(chunk.whole)
  }
  return Buffer.concat(parts)
}

/** The IHDR chunk of `header` with another colour type. */
function headerOfType(colourType: number, header: Buffer): Buffer {
  const data = Buffer.from(header)
  data[9] = colourType
  return makeChunk('IHDR', data)
}

function makeChunk(type: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length)
  chunk.writeUInt32BE(data.length, 0)
  chunk.write(type, 4, 'latin1')
  chunk.set(data, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length)
  return chunk
}
