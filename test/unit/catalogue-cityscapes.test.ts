import { rename } from 'node:fs/promises'
import { expect } from 'chai'
import { CITYSCAPES_CLASSES } from '../../lib/data/catalogue/cityscapes-classes.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeCityscapes } from '../support/trees/cityscapes.ts'
import { stripes } from '../support/trees/pictures.ts'

describe('cityscapes', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeCityscapes(folder)
  })
  afterEach(() => folder.remove())

  it('maps the 34 ids to 19 classes and ignore, with the official colours', async () => {
    const dataset = await openDataset(`cityscapes:${root}?split=train`)
    expect(dataset.length).to.equal(2)
    expect(dataset.officialLength).to.equal(2975)
    expect(dataset.classes).to.deep.equal(CITYSCAPES_CLASSES.map(({ name }) => name))
    expect(dataset.palette?.[13]).to.deep.equal([0, 0, 142])
    const { id, labels } = await dataset.item(0)
    expect(id).to.equal('train/aachen/aachen_000000_000019')
    expect([...new Set(labels.data)]).to.deep.equal([0, 1, 2, 10, 11, 13, 18, 255])
    expect((await openDataset(`cityscapes:${root}?split=val,train`)).length).to.equal(3)
  })

  it('names a value that releases do not have', async () => {
    const file = 'cityscapes/gtFine/val/frankfurt/frankfurt_000000_000019_gtFine_labelIds.png'
    await folder.write(file, await stripes([7, 34]))
    const dataset = await openDataset(`cityscapes:${root}?split=val`)
    const error = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(error.message).to.include('label 34').and.to.include(file)
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const inside = await rejection(openDataset(`cityscapes:${root}/leftImg8bit?split=val`), 'NOT_FOUND')
    expect(inside.message).to.include('gtFine').and.to.include('It holds train and val')
    expect(inside.hint).to.include(root)
    const above = await rejection(openDataset(`cityscapes:${folder.path}?split=val`), 'NOT_FOUND')
    expect(above.hint).to.equal(`Did you mean ${root}?`)
    await rename(`${root}/gtFine`, `${root}/gtCoarse`)
    const partial = await rejection(openDataset(`cityscapes:${root}?split=val`), 'NOT_FOUND')
    expect(partial.message).to.include('gtFine is missing').and.to.include('gtCoarse')
  })

  it('names the missing label map, split and key', async () => {
    await rename(`${root}/gtFine/val/frankfurt`, `${root}/gtFine/val/lindau`)
    const missing = await rejection(openDataset(`cityscapes:${root}?split=val`), 'NOT_FOUND')
    expect(missing.message).to.include('frankfurt_000000_000019')
    expect((await rejection(openDataset(`cityscapes:${root}`), 'INVALID_CONFIG')).message).to.include('split')
    expect((await rejection(openDataset(`cityscapes:${root}?split=vall`), 'INVALID_CONFIG')).hint).to.include(
      'val',
    )
  })
})
