import { rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import { COCO_CLASSES, COCO_NAMES, COCO_STUFF, COCO_THINGS } from '../../lib/data/catalogue/coco-classes.ts'
import { IGNORE_LABEL } from '../../lib/data/dataset.ts'
import { palettePng } from '../../lib/data/png-labels.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { COCO_SIZE, writeCoco } from '../support/trees/coco.ts'
import { stripes } from '../support/trees/pictures.ts'

/** Ids that were removed from COCO, as its release lists them. */
const REMOVED = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91]
const FIRST = 'labels/train2017/000000000009.png'

describe('coco-stuff', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeCoco(folder)
  })
  afterEach(() => folder.remove())

  it('has 80 things and 91 kinds of stuff', async () => {
    expect([COCO_NAMES.length, COCO_THINGS.length, COCO_STUFF.length]).to.deep.equal([182, 80, 91])
    expect(new Set(COCO_NAMES).size).to.equal(182)
    for (const [id, name] of [
      [1, 'person'],
      [10, 'traffic light'],
      [44, 'bottle'],
      [64, 'potted plant'],
      [72, 'tv'],
      [90, 'toothbrush'],
      [92, 'banner'],
      [149, 'road'],
      [169, 'tree'],
      [182, 'wood'],
    ] as const) {
      expect(COCO_NAMES[id - 1]).to.equal(name)
      expect(id < 92 ? COCO_THINGS : COCO_STUFF).to.include(name)
    }
  })

  it('maps every value: ids in use to 171 classes, removed ids and 255 to ignore', async () => {
    const dataset = await openDataset(`coco-stuff:${root}?split=train`)
    expect(dataset.classes).to.deep.equal(COCO_CLASSES)
    const { id, labels } = await dataset.item(0)
    expect(id).to.equal('train/000000000009')
    let next = 0
    for (let value = 0; value < 182; value++) {
      const expected = REMOVED.includes(value + 1) ? IGNORE_LABEL : next++
      expect(labels.data[value], COCO_NAMES[value]).to.equal(expected)
    }
    expect(next).to.equal(171)
    expect(labels.data[182]).to.equal(IGNORE_LABEL)
  })

  it('reads both splits, and grey images', async () => {
    const val = await openDataset(`coco-stuff:${root}?split=val`)
    expect([val.length, val.officialLength]).to.deep.equal([1, 5000])
    const { image, labels } = await val.item(0)
    expect(image.shape).to.deep.equal([COCO_SIZE.height, COCO_SIZE.width, 3])
    const names = [...new Set(labels.data)].map((label) => val.classes[label])
    expect(names).to.deep.equal(['person', 'car', 'traffic light', 'road'])
    const both = await openDataset(`coco-stuff:${root}?split=train,val`)
    expect([both.length, both.officialLength]).to.deep.equal([4, 123287])
    expect((await rejection(openDataset(`coco-stuff:${root}`), 'INVALID_CONFIG')).message).to.include('split')
  })

  for (const labels of ['annotations', 'stuffthingmaps']) {
    it(`finds label maps in ${labels}`, async () => {
      await rm(root, { recursive: true })
      await writeCoco(folder, labels)
      const dataset = await openDataset(`coco-stuff:${root}?split=val`)
      expect(dataset.files!(0).labels).to.include(`${labels}/val2017/000000000139.png`)
    })
  }

  it('reads label maps with a palette by their indices', async () => {
    const colours = Uint8Array.from({ length: 256 * 3 }, (_, i) => (i * 7) % 256)
    await folder.write(`coco/${FIRST}`, palettePng(await stripes([0, 181, 255], COCO_SIZE), colours))
    const dataset = await openDataset(`coco-stuff:${root}?split=train`)
    expect([...new Set((await dataset.item(0)).labels.data)]).to.deep.equal([0, 170, IGNORE_LABEL])
  })

  it('names a value that releases do not have', async () => {
    for (const value of [182, 254]) {
      await folder.write(`coco/${FIRST}`, await stripes([0, value], COCO_SIZE))
      const dataset = await openDataset(`coco-stuff:${root}?split=train`)
      const error = await rejection(dataset.item(0), 'INVALID_FILE')
      expect(error.message).to.include(`label ${value},`).and.to.include(FIRST)
    }
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const inside = await rejection(openDataset(`coco-stuff:${root}/images?split=val`), 'NOT_FOUND')
    expect(inside.message).to.include('stuffthingmaps/val2017').and.to.include('It holds train2017, val2017')
    expect(inside.hint).to.include(root)
    const above = await rejection(openDataset(`coco-stuff:${folder.path}?split=train,val`), 'NOT_FOUND')
    expect(above.hint).to.equal(`Did you mean ${root}?`)
    await rename(`${root}/labels/val2017`, `${root}/labels/val`)
    const partial = await rejection(openDataset(`coco-stuff:${root}?split=val`), 'NOT_FOUND')
    expect(partial.message).to.include('images/val2017 and labels/val2017')
    expect((await openDataset(`coco-stuff:${root}?split=train`)).length).to.equal(3)
  })

  it('names the image without label map', async () => {
    await rm(`${root}/${FIRST}`)
    const error = await rejection(openDataset(`coco-stuff:${root}?split=train`), 'NOT_FOUND')
    expect(error.message).to.include(FIRST)
  })
})
