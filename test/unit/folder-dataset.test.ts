import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { anomalyMasks } from '../../lib/data/datasets/anomaly-masks.ts'
import { camvid } from '../../lib/data/datasets/camvid.ts'
import { type FolderOptions, folder } from '../../lib/data/datasets/folder.ts'
import { colourPng, greyPng, rejection, type TempFolder, tempFolder } from '../support/image-files.ts'

const MAPPING = { '0': 'road', '1': 'car' }
let root: TempFolder
const makeRoot = async () => {
  root = await tempFolder()
}
const removeRoot = () => root.remove()

const open = (options: Partial<FolderOptions> = {}) => folder({ root: root.path, ...options })
const labelled = (options: Partial<FolderOptions> = {}) =>
  open({ labels: 'labels', mapping: MAPPING, ...options })

/** An image and a label map of 2×2 pixels with the same stem. */
async function pair(stem: string, values: number[] = [0, 1, 1, 0]): Promise<void> {
  await root.write(`images/${stem}.png`, await colourPng(2, 2))
  await root.write(`labels/${stem}.png`, await greyPng(2, 2, values))
}

describe('datasets.folder', () => {
  beforeEach(makeRoot)
  afterEach(removeRoot)

  it('matches images and label maps by name, in the order of the names', async () => {
    await pair('b', [1, 1, 1, 1])
    await pair('a', [0, 255, 1, 0])
    await root.write('images/notes.txt', 'not an image')
    await root.write('images/.hidden.png', '')
    await root.write('labels/of-no-image.png', '')
    const dataset = await labelled({ name: 'streets' })
    expect(dataset.name).to.equal('streets')
    expect(dataset.classes).to.deep.equal(['road', 'car'])
    expect(dataset.length).to.equal(2)
    const [a, b] = [await dataset.item(0), await dataset.item(1)]
    expect([a.id, b.id]).to.deep.equal(['images/a', 'images/b'])
    expect(a.image.shape).to.deep.equal([2, 2, 3])
    expect([...a.labels.data]).to.deep.equal([0, IGNORE_LABEL, 1, 0])
    expect([...b.labels.data]).to.deep.equal([1, 1, 1, 1])
    expect(a).not.to.have.property('instances')
    expect(dataset.files!(1)).to.deep.equal({
      image: join(root.path, 'images/b.png'),
      labels: join(root.path, 'labels/b.png'),
    })
  })

  it('enters folders and keeps them in the id', async () => {
    await pair('city/one')
    await pair('other city/one')
    const dataset = await labelled()
    expect((await dataset.item(0)).id).to.equal('images/city/one')
    expect((await dataset.item(1)).id).to.equal('images/other city/one')
  })

  it('follows links once, also in a circle', async () => {
    await pair('real/one')
    await symlink(join(root.path, 'images'), join(root.path, 'images/real/circle'))
    expect((await labelled()).length).to.equal(1)
  })

  it('does not take label maps for images where they lie among them', async () => {
    await root.write(
      'a.jpg',
      await sharp(await colourPng(2, 2))
        .jpeg()
        .toBuffer(),
    )
    await root.write('labels/a.png', await greyPng(2, 2, [0, 0, 1, 1]))
    const dataset = await labelled({ images: '.' })
    expect(dataset.length).to.equal(1)
    expect((await dataset.item(0)).id).to.equal('a')
  })

  it('matches names with suffixes, in one folder too', async () => {
    await root.write('a_rgb.png', await colourPng(2, 2))
    await root.write('a_labels.png', await greyPng(2, 2, [0, 0, 1, 1]))
    const dataset = await labelled({ images: '.', labels: '.', imageSuffix: '_rgb', labelSuffix: '_labels' })
    expect(dataset.length).to.equal(1)
    const sample = await dataset.item(0)
    expect(sample.id).to.equal('a_rgb')
    expect([...sample.labels.data]).to.deep.equal([0, 0, 1, 1])
  })

  it('ignores every pixel where there are no label maps', async () => {
    await root.write('images/a.png', await colourPng(3, 2))
    const dataset = await open()
    expect(dataset.classes).to.deep.equal([])
    expect([...(await dataset.item(0)).labels.data]).to.deep.equal(new Array(6).fill(IGNORE_LABEL))
    expect(dataset.files!(0)).to.deep.equal({ image: join(root.path, 'images/a.png') })
  })

  it('reads instance maps as they are', async () => {
    await pair('a')
    await root.write('instances/a.png', await greyPng(2, 2, [0, 1, 2, 255]))
    const { instances } = await (await labelled({ instances: 'instances' })).item(0)
    expect([...instances!.data]).to.deep.equal([0, 1, 2, 255])
  })

  it('takes what a list names, in its order', async () => {
    for (const name of ['a', 'b', 'c', 'd.e']) await pair(name)
    await root.write('list.txt', '# chosen\r\nc\r\n\r\n images/a.png  # by path\r\n./d.e\r\n')
    const dataset = await labelled({ list: 'list.txt' })
    const ids = await Promise.all([0, 1, 2].map(async (i) => (await dataset.item(i)).id))
    expect(ids).to.deep.equal(['images/c', 'images/a', 'images/d.e'])
    expect(dataset.length).to.equal(3)
  })

  it('names the line of a list that is wrong', async () => {
    await pair('frame_1')
    const list = await root.write('list.txt', 'frame_1\nfrane_1\n')
    const missing = await rejection(labelled({ list: 'list.txt' }), 'NOT_FOUND')
    expect(missing.message).to.equal(`${list}, line 2: there is no image "frane_1".`)
    expect(missing.hint).to.include('frame_1')
    await root.write('list.txt', 'frame_1\nframe_1.png\n')
    expect((await rejection(labelled({ list: 'list.txt' }), 'INVALID_FILE')).message).to.include(
      'already in line 1',
    )
    await root.write('list.txt', '# nothing\n')
    await rejection(labelled({ list: 'list.txt' }), 'EMPTY')
  })

  it('names an image without label map, the one it expects and how many there are', async () => {
    await pair('a')
    await root.write('images/b.png', await colourPng(2, 2))
    await root.write('images/c.png', await colourPng(2, 2))
    const error = await rejection(labelled(), 'NOT_FOUND')
    expect(error.message).to.include(join(root.path, 'images/b.png'))
    expect(error.message).to.include(join(root.path, 'labels/b.png'))
    expect(error.message).to.include('2 of 3 images')
  })

  it('names an image without instance map', async () => {
    await pair('a')
    await root.write('instances/b.png', await greyPng(2, 2, [0, 0, 0, 0]))
    const error = await rejection(labelled({ instances: 'instances' }), 'NOT_FOUND')
    expect(error.message).to.include(join(root.path, 'instances/a.png'))
  })

  it('names two images with one stem', async () => {
    await pair('a')
    await root.write(
      'images/a.JPG',
      await sharp(await colourPng(2, 2))
        .jpeg()
        .toBuffer(),
    )
    const error = await rejection(labelled(), 'INVALID_FILE')
    expect(error.message)
      .to.include(join(root.path, 'images/a.png'))
      .and.to.include(join(root.path, 'images/a.JPG'))
  })

  it('names the folder that is empty or missing', async () => {
    await root.write('images/readme.txt', 'no images')
    const empty = await rejection(open(), 'EMPTY')
    expect(empty.message).to.include(join(root.path, 'images'))
    expect(empty.hint).to.include('.jpg')
    expect((await rejection(open({ images: 'imgs' }), 'NOT_FOUND')).message).to.include(
      join(root.path, 'imgs'),
    )
    expect((await rejection(open({ root: `${root.path}/no` }), 'NOT_FOUND')).message).to.include(
      `${root.path}/no`,
    )
    const file = await root.write('file', 'x')
    expect((await rejection(open({ root: file }), 'INVALID_FILE')).message).to.include('is a file')
  })

  it('names image and label map of different sizes, and tells when one is turned', async () => {
    const stored = sharp(await colourPng(4, 2)).withMetadata({ orientation: 6 })
    await root.write('images/a.jpg', await stored.jpeg().toBuffer())
    const label = await root.write('labels/a.png', await greyPng(4, 2, new Array(8).fill(0)))
    const dataset = await labelled()
    const error = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(error.message).to.equal(`${join(root.path, 'images/a.jpg')} is 2×4 but ${label} is 4×2.`)
    expect(error.hint).to.include('EXIF')
    await root.write('labels/a.png', await greyPng(2, 4, new Array(8).fill(1)))
    expect((await dataset.item(0)).labels.shape).to.deep.equal([4, 2])
    await root.write('labels/a.png', await greyPng(3, 3, new Array(9).fill(0)))
    expect((await rejection(dataset.item(0), 'INVALID_FILE')).hint).not.to.include('EXIF')
  })

  it('refuses a value that the mapping does not list, unless told to ignore it', async () => {
    await pair('a', [0, 1, 9, 1])
    const error = await rejection((await labelled()).item(0), 'INVALID_FILE')
    expect(error.message)
      .to.include(join(root.path, 'labels/a.png'))
      .and.to.include('label 9, first at row 1, column 0')
    const lenient = await (await labelled({ unlisted: 'ignore' })).item(0)
    expect([...lenient.labels.data]).to.deep.equal([0, 1, IGNORE_LABEL, 1])
  })

  it('reads the mapping from a file below the root', async () => {
    await pair('a')
    await root.write('classes.json', JSON.stringify({ classes: ['Void', 'Tree'], ignore_index: 0 }))
    const dataset = await labelled({ mapping: 'classes.json' })
    expect(dataset.classes).to.deep.equal(['Tree'])
    expect([...(await dataset.item(0)).labels.data]).to.deep.equal([255, 0, 0, 255])
  })

  it('refuses wrong options before it reads anything', async () => {
    const hint = (await rejection(open({ imges: 'x' } as never), 'INVALID_ARGUMENT')).hint
    expect(hint).to.include('images')
    await rejection(folder({} as never), 'INVALID_ARGUMENT')
    await rejection(open({ images: '' }), 'INVALID_ARGUMENT')
    await rejection(open({ unlisted: 'skip' as never }), 'INVALID_ARGUMENT')
    expect((await rejection(open({ labels: 'labels' }), 'INVALID_ARGUMENT')).message).to.include(
      'options.mapping',
    )
    await rejection(open({ signal: AbortSignal.abort() }), 'ABORTED')
  })

  it('refuses an index outside of the data set', async () => {
    await pair('a')
    const dataset = await labelled()
    for (const index of [-1, 1, 0.5, Number.NaN]) await rejection(dataset.item(index), 'INVALID_ARGUMENT')
  })
})

describe('datasets.camvid', () => {
  afterEach(removeRoot)

  beforeEach(async () => {
    await makeRoot()
    await root.write('classes.json', JSON.stringify({ classes: ['Sky', 'Road', 'Void'], ignore_index: 2 }))
    for (const [split, value] of [
      ['train', 0],
      ['val', 1],
      ['test', 2],
    ] as const) {
      await root.write(
        `${split}/images/x.jpg`,
        await sharp(await colourPng(2, 1))
          .jpeg()
          .toBuffer(),
      )
      await root.write(`${split}/labels/x.png`, await greyPng(2, 1, [value, 0]))
    }
  })

  it('opens one split, or several in order', async () => {
    const test = await camvid({ root: root.path, split: 'test' })
    expect(test.name).to.equal('camvid (test)')
    expect(test.classes).to.deep.equal(['Sky', 'Road'])
    expect([...(await test.item(0)).labels.data]).to.deep.equal([IGNORE_LABEL, 0])
    const both = await camvid({ root: root.path, split: ['val', 'train'] })
    expect(both.length).to.equal(2)
    expect([(await both.item(0)).id, (await both.item(1)).id]).to.deep.equal(['val/x', 'train/x'])
  })

  it('refuses other splits and a folder without classes.json', async () => {
    const error = await rejection(camvid({ root: root.path, split: 'vall' as never }), 'INVALID_ARGUMENT')
    expect(error.hint).to.include('val')
    await rejection(camvid({ root: root.path, split: [] }), 'INVALID_ARGUMENT')
    await rejection(camvid({ root: root.path, split: ['val', 'val'] }), 'INVALID_ARGUMENT')
    await rejection(camvid({ root: root.path } as never), 'INVALID_ARGUMENT')
    const missing = await rejection(camvid({ root: join(root.path, 'val'), split: 'val' }), 'NOT_FOUND')
    expect(missing.message).to.include('classes.json')
  })
})

describe('datasets.anomalyMasks', () => {
  beforeEach(makeRoot)
  afterEach(removeRoot)

  const write = async (values: number[], name = 'a') => {
    await root.write(`images/${name}.png`, await colourPng(values.length, 1))
    await root.write(`masks/${name}.png`, await greyPng(values.length, 1, values))
  }

  it('makes inlier 0, anomaly UNKNOWN_LABEL and ignore IGNORE_LABEL', async () => {
    await write([0, 1, 255])
    const dataset = await anomalyMasks({ root: root.path })
    expect(dataset.classes).to.deep.equal([])
    const sample = await dataset.item(0)
    expect(sample.id).to.equal('images/a')
    expect([...sample.labels.data]).to.deep.equal([0, UNKNOWN_LABEL, IGNORE_LABEL])
  })

  it('takes other values, several of them, and 255 for anomalies', async () => {
    await write([1, 2, 200, 0, 255])
    const anomaly = Array.from({ length: 199 }, (_, i) => i + 2)
    const obstacles = await anomalyMasks({ root: root.path, inlier: 1, anomaly, ignore: [0, 255] })
    expect([...(await obstacles.item(0)).labels.data]).to.deep.equal([0, 254, 254, 255, 255])
    await write([0, 255])
    const binary = await anomalyMasks({ root: root.path, anomaly: 255 })
    expect([...(await binary.item(0)).labels.data]).to.deep.equal([0, 254])
  })

  it('names a mask with another value', async () => {
    await write([0, 2])
    const error = await rejection((await anomalyMasks({ root: root.path })).item(0), 'INVALID_FILE')
    expect(error.message).to.include('masks/a.png holds the label 2, first at row 0, column 1')
    expect(error.hint).to.include('0–1, 255')
    const lenient = await anomalyMasks({ root: root.path, unlisted: 'ignore' })
    expect([...(await lenient.item(0)).labels.data]).to.deep.equal([0, IGNORE_LABEL])
  })

  it('refuses values that two options list or that do not fit', async () => {
    await rejection(anomalyMasks({ root: root.path, inlier: 1 }), 'INVALID_ARGUMENT')
    await rejection(anomalyMasks({ root: root.path, anomaly: 256 }), 'INVALID_ARGUMENT')
    await rejection(anomalyMasks({ root: root.path, mask: 'masks' } as never), 'INVALID_ARGUMENT')
  })
})
