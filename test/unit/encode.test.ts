import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import sharp from 'sharp'
import { readImage, readLabelMap, writeImage, writeLabelMap } from '../../lib/data/decode.ts'
import { tensor } from '../../lib/tensor.ts'
import { noise, rejection, type TempFolder, tempFolder } from '../support/image-files.ts'

describe('writeLabelMap and writeImage', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())

  it('write what the readers return', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(1000),
        async (h, w, salt) => {
          const labels = tensor(noise(h * w + salt).slice(salt), [h, w])
          const image = tensor(noise(h * w * 3 + salt).slice(salt), [h, w, 3])
          const labelPath = join(folder.path, 'written-labels.png')
          const imagePath = join(folder.path, 'written-image.png')
          await writeLabelMap(labelPath, labels)
          await writeImage(imagePath, image)
          expect(await readLabelMap(labelPath)).to.deep.equal(labels)
          expect(await readImage(imagePath)).to.deep.equal(image)
          const { channels, depth } = await sharp(await readFile(labelPath)).metadata()
          expect([channels, depth]).to.deep.equal([1, 'uchar'])
        },
      ),
      { numRuns: 20 },
    )
  })

  it('write label maps that show in colours and keep all 256 values', async () => {
    const labels = tensor(
      Uint8Array.from({ length: 512 }, (_, i) => i % 256),
      [16, 32],
    )
    const palette = tensor(noise(768), [256, 3])
    const path = join(folder.path, 'coloured.png')
    await writeLabelMap(path, labels, { palette })
    expect(await readLabelMap(path)).to.deep.equal(labels)
    const colours = [...labels.data].flatMap((label) => [...palette.data.slice(3 * label, 3 * label + 3)])
    expect([...(await readImage(path)).data]).to.deep.equal(colours)
    const short = tensor(noise(30), [10, 3])
    const { message } = await rejection(writeLabelMap(path, labels, { palette: short }), 'INVALID_ARGUMENT')
    expect(message).to.include('palette.shape')
  })

  it('leave no temporary file behind and name a missing folder', async () => {
    const out = await tempFolder()
    await writeLabelMap(join(out.path, 'a.png'), tensor(new Uint8Array(4), [2, 2]))
    expect(await readdir(out.path)).to.deep.equal(['a.png'])
    const missing = join(out.path, 'missing')
    const error = await rejection(
      writeLabelMap(join(missing, 'a.png'), tensor(new Uint8Array(4), [2, 2])),
      'NOT_FOUND',
    )
    expect(error.message).to.equal(`${missing} does not exist.`)
    await out.remove()
  })

  it('refuse tensors of another shape', async () => {
    const path = join(folder.path, 'refused.png')
    await rejection(writeLabelMap(path, tensor(new Uint8Array(12), [2, 2, 3])), 'INVALID_ARGUMENT')
    await rejection(writeImage(path, tensor(new Uint8Array(8), [2, 2, 2])), 'INVALID_ARGUMENT')
    await rejection(writeImage(path, tensor(new Uint8Array(0), [0, 2, 3])), 'INVALID_ARGUMENT')
    await rejection(readImage(path), 'NOT_FOUND')
  })
})
