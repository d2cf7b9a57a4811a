import sharp from 'sharp'
import { checkKind } from './file-kind.ts'
import { notAMap, type StoredScoreMap, storedMap } from './map-values.ts'

/**
 * A score map from the bytes of a grey PNG of 8 or 16 bit.
 *
 * @param range what grey 0 and the highest grey stand for; without it the grey value itself is the score
 * @throws DenseHybridError INVALID_FILE naming `path`
 */
export async function readPngScores(
  path: string,
  bytes: Buffer,
  range: { readonly min: number; readonly max: number } | undefined,
): Promise<StoredScoreMap> {
  checkKind(path, bytes, 'a PNG file')
  try {
    const image = sharp(bytes, { failOn: 'warning' })
    const { channels, depth } = await image.metadata()
    if (channels !== 1) throw new Error(`it has ${channels} channels`)
    const wide = depth === 'ushort'
    const { data, info } = await image
      .toColourspace(wide ? 'grey16' : 'b-w')
      .raw({ depth: wide ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const grey = wide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data
    const { min, max } = range ?? { min: 0, max: wide ? 65_535 : 255 }
    const step = (max - min) / (wide ? 65_535 : 255)
    const scores = new Float32Array(grey.length)
    for (let i = 0; i < grey.length; i++) scores[i] = min + grey[i] * step
    return storedMap(path, scores, [info.height, info.width], wide ? 'grey16' : 'grey8')
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]
    throw notAMap(path, reason, 'Expected a complete grey PNG of 8 or 16 bit.', error)
  }
}
