import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { readImage, readLabelMap } from '../../lib/data/decode.ts'
import {
  colourPng,
  greyPng,
  noise,
  pngFile,
  rejection,
  type TempFolder,
  tempFolder,
} from '../support/image-files.ts'

let folder: TempFolder
const makeFolder = async () => {
  folder = await tempFolder()
}
const removeFolder = () => folder.remove()

const raw = (width: number, height: number, channels: 1 | 2 | 3 | 4, values: ArrayLike<number>) =>
  sharp(Uint8Array.from(values), { raw: { width, height, channels } })

describe('readImage', () => {
  before(makeFolder)
  after(removeFolder)

  it('returns the RGB values of a PNG as H×W×3', async () => {
    const values = noise(5 * 3 * 3)
    const path = await folder.write('rgb.png', await raw(5, 3, 3, values).png().toBuffer())
    const image = await readImage(path)
    expect(image.shape).to.deep.equal([3, 5, 3])
    expect([...image.data]).to.deep.equal([...values])
    expect(image.data.constructor).to.equal(Uint8Array)
  })

  it('makes RGB of grey', async () => {
    const path = await folder.write('grey.png', await greyPng(2, 1, [7, 200]))
    expect([...(await readImage(path)).data]).to.deep.equal([7, 7, 7, 200, 200, 200])
  })

  it('removes alpha without touching colours, with one or three colour channels', async () => {
    const rgba = await raw(2, 1, 4, [10, 20, 30, 0, 40, 50, 60, 128]).png().toBuffer()
    expect([...(await readImage(await folder.write('rgba.png', rgba))).data]).to.deep.equal([
      10, 20, 30, 40, 50, 60,
    ])
    const greyAlpha = await raw(2, 1, 2, [9, 0, 80, 255]).toColourspace('b-w').png().toBuffer()
    const image = await readImage(await folder.write('grey-alpha.png', greyAlpha))
    expect([...image.data]).to.deep.equal([9, 9, 9, 80, 80, 80])
  })

  it('scales 16 bits to 8', async () => {
    const values = Uint16Array.from([0, 257, 128 * 257, 200 * 257, 65535, 32768])
    for (const format of ['png', 'tiff'] as const) {
      const encoded = await sharp(values, { raw: { width: 2, height: 1, channels: 3 } })
        .toColourspace('rgb16')
        .toFormat(format, { compression: 'lzw' })
        .toBuffer()
      expect((await sharp(encoded).metadata()).depth, format).to.equal('ushort')
      const image = await readImage(await folder.write(`deep.${format}`, encoded))
      expect([...image.data], format).to.deep.equal([0, 1, 128, 200, 255, 128])
    }
    const grey = await sharp(values, { raw: { width: 6, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer()
    const image = await readImage(await folder.write('deep-grey.png', grey))
    expect([...image.data].filter((_, i) => i % 3 === 0)).to.deep.equal([0, 1, 128, 200, 255, 128])
  })

  it('converts CMYK to RGB', async () => {
    const create = { width: 8, height: 8, channels: 3 as const, background: { r: 220, g: 30, b: 30 } }
    const cmyk = await sharp({ create }).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer()
    expect((await sharp(cmyk).metadata()).space).to.equal('cmyk')
    const image = await readImage(await folder.write('cmyk.jpg', cmyk))
    expect(image.shape).to.deep.equal([8, 8, 3])
    const [red, green, blue] = image.data
    expect(red).to.be.within(190, 240)
    expect(green).to.be.below(80)
    expect(blue).to.be.below(80)
  })

  it('applies the EXIF orientation', async () => {
    // Orientation 6: the stored image is to be turned clockwise, so its left column becomes the top row.
    const values = [250, 0, 0, 250, 0, 0, 0, 0, 250, 0, 0, 250]
    const stored = raw(4, 1, 3, values).withMetadata({ orientation: 6 })
    const image = await readImage(await folder.write('turned.png', await stored.png().toBuffer()))
    expect(image.shape).to.deep.equal([4, 1, 3])
    expect([...image.data]).to.deep.equal(values)
    const stored8 = raw(1, 2, 3, [1, 2, 3, 4, 5, 6]).withMetadata({ orientation: 3 })
    const upsideDown = await readImage(await folder.write('half-turn.png', await stored8.png().toBuffer()))
    expect([...upsideDown.data]).to.deep.equal([4, 5, 6, 1, 2, 3])
  })

  it('takes the first frame of an animation', async () => {
    const frames = [...new Array(16).fill([255, 0, 0]), ...new Array(16).fill([0, 0, 255])].flat()
    const animation = await sharp(Uint8Array.from(frames), {
      raw: { width: 4, height: 8, channels: 3, pageHeight: 4 },
    })
      .gif()
      .toBuffer()
    expect((await sharp(animation).metadata()).pages).to.equal(2)
    const image = await readImage(await folder.write('animation.gif', animation))
    expect(image.shape).to.deep.equal([4, 4, 3])
    expect([...image.data.subarray(0, 3)]).to.deep.equal([255, 0, 0])
  })

  it('refuses truncated files by name', async () => {
    const image = raw(60, 40, 3, noise(60 * 40 * 3))
    for (const format of ['jpeg', 'png', 'webp'] as const) {
      const whole = await image.clone().toFormat(format).toBuffer()
      for (const share of [0.05, 0.4, 0.9]) {
        const path = await folder.write(
          `cut-${share}.${format}`,
          whole.subarray(0, Math.floor(whole.length * share)),
        )
        const error = await rejection(readImage(path), 'INVALID_FILE')
        expect(error.message).to.include(path)
        expect(error.hint).to.be.a('string')
      }
    }
  })

  it('refuses what is empty, missing, a folder or no image', async () => {
    const empty = await folder.write('empty.jpg', '')
    expect((await rejection(readImage(empty), 'INVALID_FILE')).message).to.equal(
      `${empty} is empty (0 bytes).`,
    )
    const missing = join(folder.path, 'missing.jpg')
    expect((await rejection(readImage(missing), 'NOT_FOUND')).message).to.include(missing)
    expect((await rejection(readImage(folder.path), 'INVALID_FILE')).message).to.include('is a folder')
    const text = await folder.write('text.jpg', 'this is text')
    const error = await rejection(readImage(text), 'INVALID_FILE')
    expect(error.message).to.include(text)
    expect(error.hint).to.include('.png')
    const pointer = await folder.write(
      'pointer.jpg',
      'version https://git-lfs.example/spec/v1\noid sha256:0\nsize 3\n',
    )
    expect((await rejection(readImage(pointer), 'INVALID_FILE')).message).to.include('Git LFS')
    await rejection(readImage(undefined as never), 'INVALID_ARGUMENT')
  })

  it('stops when the signal has fired', async () => {
    const path = await folder.write('abort.png', await colourPng(4, 4))
    const signal = AbortSignal.abort()
    await rejection(readImage(path, { signal }), 'ABORTED')
    const later = new AbortController()
    const reading = readImage(path, { signal: later.signal })
    later.abort()
    await rejection(reading, 'ABORTED')
  })
})

describe('readLabelMap', () => {
  before(makeFolder)
  after(removeFolder)

  it('returns exactly the stored 8-bit values', async () => {
    const values = Array.from({ length: 256 }, (_, i) => i)
    const labels = await readLabelMap(await folder.write('all.png', await greyPng(32, 8, values)))
    expect(labels.shape).to.deep.equal([8, 32])
    expect([...labels.data]).to.deep.equal(values)
  })

  it('returns the indices of a palette PNG, not its colours', async () => {
    // Two entries share one colour, so going back from colours would not do; the first is transparent.
    const palette = Buffer.from([0, 0, 0, 128, 0, 0, 128, 0, 0, 0, 128, 0])
    const file = pngFile(
      { width: 4, height: 2, bitDepth: 8, colourType: 3 },
      [
        [0, 1, 2, 3],
        [3, 2, 1, 0],
      ],
      [
        ['gAMA', Buffer.from([0, 0, 0xb1, 0x8f])],
        ['PLTE', palette],
        ['tRNS', Buffer.from([0])],
      ],
    )
    expect((await sharp(file).metadata()).isPalette).to.equal(true)
    const labels = await readLabelMap(await folder.write('palette.png', file))
    expect(labels.shape).to.deep.equal([2, 4])
    expect([...labels.data]).to.deep.equal([0, 1, 2, 3, 3, 2, 1, 0])
  })

  it('returns the indices of palettes with fewer bits, as encoders write them', async () => {
    const file = pngFile(
      { width: 4, height: 1, bitDepth: 2, colourType: 3 },
      [[0b00011011]],
      [['PLTE', Buffer.from(noise(12))]],
    )
    expect([...(await readLabelMap(await folder.write('palette2.png', file))).data]).to.deep.equal([
      0, 1, 2, 3,
    ])
    const written = await raw(8, 8, 3, noise(192)).png({ palette: true, colours: 16 }).toBuffer()
    expect((await sharp(written).metadata()).bitsPerSample).to.equal(4)
    const labels = await readLabelMap(await folder.write('palette4.png', written))
    expect(labels.shape).to.deep.equal([8, 8])
    expect(Math.max(...labels.data)).to.be.within(1, 15)
  })

  it('returns the samples of grey PNGs with fewer bits, not their brightness', async () => {
    const one = pngFile({ width: 8, height: 1, bitDepth: 1, colourType: 0 }, [[0b01001101]])
    expect([...(await readLabelMap(await folder.write('bit1.png', one))).data]).to.deep.equal([
      0, 1, 0, 0, 1, 1, 0, 1,
    ])
    const four = pngFile({ width: 4, height: 1, bitDepth: 4, colourType: 0 }, [[0x0f, 0x5a]])
    expect([...(await readLabelMap(await folder.write('bit4.png', four))).data]).to.deep.equal([0, 15, 5, 10])
  })

  it('does not turn a label map that carries an EXIF orientation', async () => {
    const tiff = Buffer.from('49492a0008000000' + '0100' + '120103000100000006000000' + '00000000', 'hex')
    const turned = pngFile({ width: 3, height: 1, bitDepth: 8, colourType: 0 }, [[1, 2, 3]], [['eXIf', tiff]])
    expect((await sharp(turned).metadata()).orientation).to.equal(6)
    expect((await readLabelMap(await folder.write('exif-label.png', turned))).shape).to.deep.equal([1, 3])
  })

  it('refuses colour, alpha, 16-bit and lossy files by name, with a hint', async () => {
    const deep = sharp(Uint16Array.from([1, 2]), { raw: { width: 2, height: 1, channels: 1 } }).toColourspace(
      'grey16',
    )
    const cases: [string, Buffer, RegExp][] = [
      ['colour.png', await colourPng(2, 2), /colour \(RGB\)/],
      ['colour-alpha.png', await raw(1, 1, 4, [1, 2, 3, 4]).png().toBuffer(), /RGBA/],
      ['alpha.png', await raw(1, 1, 2, [1, 255]).toColourspace('b-w').png().toBuffer(), /alpha/],
      ['deep.png', await deep.png().toBuffer(), /16-bit/],
      ['label.jpg', await raw(8, 8, 1, noise(64)).toColourspace('b-w').jpeg().toBuffer(), /not a PNG/],
    ]
    for (const [name, bytes, reason] of cases) {
      const path = await folder.write(name, bytes)
      const error = await rejection(readLabelMap(path), 'INVALID_FILE')
      expect(error.message).to.match(reason)
      expect(error.message).to.include(path)
      expect(error.hint, name).to.be.a('string')
    }
  })

  it('refuses a file that was cut anywhere or damaged', async () => {
    const whole = await greyPng(
      16,
      16,
      noise(256).map((value) => value % 5),
    )
    for (let length = 1; length < whole.length; length += 3) {
      const path = await folder.write('cut.png', whole.subarray(0, length))
      const error = await rejection(readLabelMap(path), 'INVALID_FILE')
      expect(error.message).to.include(path)
    }
    const damaged = Buffer.from(whole)
    damaged[Math.floor(whole.length / 2)] ^= 0xff
    await rejection(readLabelMap(await folder.write('damaged.png', damaged)), 'INVALID_FILE')
    await rejection(readLabelMap(join(folder.path, 'missing.png')), 'NOT_FOUND')
    await rejection(readLabelMap(await folder.write('empty.png', '')), 'INVALID_FILE')
  })
})

describe('decoding', () => {
  before(makeFolder)
  after(removeFolder)

  it('refuses an image of too many pixels before it takes memory for them', async () => {
    const huge = pngFile({ width: 40_000, height: 40_000, bitDepth: 8, colourType: 0 }, [[0]])
    const path = await folder.write('huge.png', huge)
    for (const read of [readImage, readLabelMap]) {
      const error = await rejection(read(path), 'INVALID_FILE')
      expect(error.message).to.include('pixel limit')
      expect(error.hint).to.include('tiles')
    }
  })
})
