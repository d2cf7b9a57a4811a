import { rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import { palettePng } from '../../lib/data/png-labels.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { ADE_SIZE, writeAde20k } from '../support/trees/ade20k.ts'
import { stripes } from '../support/trees/pictures.ts'

const FIRST = 'ADEChallengeData2016/annotations/training/ADE_train_00000001.png'

describe('ade20k', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeAde20k(folder)
  })
  afterEach(() => folder.remove())

  it('maps 1 … 150 to the classes and 0 to ignore, with the official names and colours', async () => {
    const dataset = await openDataset(`ade20k:${root}?split=train`)
    expect(dataset.classes).to.have.length(150)
    expect(new Set(dataset.classes).size).to.equal(150)
    for (const [value, name] of [
      [1, 'wall'],
      [8, 'bed'],
      [13, 'person'],
      [21, 'car'],
      [49, 'skyscraper'],
      [81, 'bus'],
      [90, 'television'],
      [117, 'minibike'],
      [128, 'bicycle'],
      [150, 'flag'],
    ] as const) {
      expect(dataset.classes[value - 1]).to.equal(name)
    }
    expect(dataset.palette).to.have.length(150)
    expect(dataset.palette?.[20]).to.deep.equal([0, 102, 200])
    expect(dataset.palette?.[149]).to.deep.equal([92, 0, 255])
    const { id, labels } = await dataset.item(0)
    expect(id).to.equal('train/ADE_train_00000001')
    expect([...labels.data.subarray(0, 151)]).to.deep.equal([
      255,
      ...Array.from({ length: 150 }, (_, label) => label),
    ])
  })

  it('reads both splits', async () => {
    const train = await openDataset(`ade20k:${root}?split=train`)
    const both = await openDataset(`ade20k:${root}?split=val,train`)
    expect([train.length, train.officialLength]).to.deep.equal([2, 20210])
    expect([both.length, both.officialLength]).to.deep.equal([3, 22210])
    const { id, labels } = await both.item(0)
    expect(id).to.equal('val/ADE_val_00000001')
    expect([...new Set(labels.data)]).to.deep.equal([2, 4])
    expect((await rejection(openDataset(`ade20k:${root}`), 'INVALID_CONFIG')).message).to.include('split')
    expect((await rejection(openDataset(`ade20k:${root}?split=trian`), 'INVALID_CONFIG')).hint).to.include(
      'train',
    )
  })

  it('reads label maps with a palette by their indices', async () => {
    const colours = Uint8Array.from({ length: 256 * 3 }, (_, i) => (i * 7) % 256)
    await folder.write(FIRST, palettePng(await stripes([0, 150, 13], ADE_SIZE), colours))
    const dataset = await openDataset(`ade20k:${root}?split=train`)
    expect([...new Set((await dataset.item(0)).labels.data)]).to.deep.equal([255, 149, 12])
  })

  it('names a value that releases do not have', async () => {
    await folder.write(FIRST, await stripes([1, 151], ADE_SIZE))
    const dataset = await openDataset(`ade20k:${root}?split=train`)
    const error = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(error.message).to.include('label 151,').and.to.include(FIRST)
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const inside = await rejection(openDataset(`ade20k:${root}/images?split=val`), 'NOT_FOUND')
    expect(inside.message).to.include('annotations/validation').and.to.include('It holds training and val')
    expect(inside.hint).to.include(root)
    const above = await rejection(openDataset(`ade20k:${folder.path}?split=val`), 'NOT_FOUND')
    expect(above.hint).to.equal(`Did you mean ${root}?`)
    await rename(`${root}/annotations`, `${root}/annotations_instance`)
    const partial = await rejection(openDataset(`ade20k:${root}?split=val`), 'NOT_FOUND')
    expect(partial.message).to.include('annotations/validation is missing')
    expect(partial.message).to.include('annotations_instance')
  })

  it('names the image without label map', async () => {
    await rm(`${folder.path}/${FIRST}`)
    const error = await rejection(openDataset(`ade20k:${root}?split=train`), 'NOT_FOUND')
    expect(error.message).to.include(FIRST)
  })
})
