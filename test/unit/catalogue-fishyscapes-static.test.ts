import { rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeFishyscapesOriginal, writeFishyscapesStatic } from '../support/trees/fishyscapes-static.ts'
import { stripes } from '../support/trees/pictures.ts'

describe('fishyscapes-static', () => {
  let folder: TempFolder
  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  it('pairs the files of one folder: 0 inlier, 1 anomaly, 255 ignored', async () => {
    const root = await writeFishyscapesStatic(folder)
    const dataset = await openDataset(`fishyscapes-static:${root}`)
    expect(dataset.name).to.equal('fishyscapes-static (validation)')
    expect(dataset.classes).to.deep.equal([])
    expect([dataset.length, dataset.officialLength]).to.deep.equal([2, 30])
    const { id, labels } = await dataset.item(1)
    expect(id).to.equal('0003_frankfurt_000001_034047')
    expect([...new Set(labels.data)]).to.deep.equal([0, 254, 255])
  })

  it('reads the folders original and labels, and labels_with_ROI as a view', async () => {
    const root = await writeFishyscapesOriginal(folder)
    const dataset = await openDataset(`fishyscapes-static:${root}?split=validation`)
    expect((await dataset.item(2)).id).to.equal('10')
    expect([...new Set((await dataset.item(2)).labels.data)]).to.deep.equal([0, 254])
    const roi = await openDataset(`fishyscapes-static:${root}?view=roi`)
    expect([...new Set((await roi.item(0)).labels.data)]).to.deep.equal([255, 0, 254])
    await rm(`${root}/labels_with_ROI`, { recursive: true })
    await rejection(openDataset(`fishyscapes-static:${root}?view=roi`), 'NOT_FOUND')
  })

  it('pairs original and labels also where the ends of names differ', async () => {
    const root = await writeFishyscapesOriginal(folder, ['0000_a'])
    await rename(`${root}/original/0000_a.png`, `${root}/original/0000_a_leftImg8bit.png`)
    await rename(`${root}/labels/0000_a.png`, `${root}/labels/0000_a_labels.png`)
    expect((await (await openDataset(`fishyscapes-static:${root}`)).item(0)).id).to.equal('0000_a')
    await folder.write('Static/labels/0000_a.png', await stripes([0]))
    const twice = await rejection(openDataset(`fishyscapes-static:${root}`), 'INVALID_FILE')
    expect(twice.message).to.include('same image 0000_a')
  })

  it('has no view roi without such labels', async () => {
    const root = await writeFishyscapesStatic(folder)
    const error = await rejection(openDataset(`fishyscapes-static:${root}?view=roi`), 'NOT_FOUND')
    expect(error.message).to.include('labels_with_ROI')
    expect(error.hint).to.include('view anomalies')
  })

  it('names a value that no release has, and a missing label file', async () => {
    const root = await writeFishyscapesStatic(folder)
    const file = 'fs_static/0000_frankfurt_000000_000294_labels.png'
    await folder.write(file, await stripes([0, 3]))
    const dataset = await openDataset(`fishyscapes-static:${root}`)
    const error = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(error.message).to.include('label 3').and.to.include(file)
    await rm(`${folder.path}/${file}`)
    const missing = await rejection(openDataset(`fishyscapes-static:${root}`), 'NOT_FOUND')
    expect(missing.message).to.include(file)
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const root = await writeFishyscapesOriginal(folder)
    const deep = await rejection(openDataset(`fishyscapes-static:${root}/original`), 'NOT_FOUND')
    expect(deep.message).to.include('It holds 0.png, 1.png, 10.png')
    expect(deep.hint).to.equal(`Did you mean ${root}?`)
    const high = await rejection(openDataset(`fishyscapes-static:${folder.path}`), 'NOT_FOUND')
    expect(high.hint).to.equal(`Did you mean ${root}?`)
    await rejection(openDataset('fishyscapes-static:'), 'INVALID_CONFIG')
    await rejection(openDataset(`fishyscapes-static:${root}?split=test`), 'INVALID_CONFIG')
  })

  it('does not take a root of Cityscapes for one of its own', async () => {
    await folder.write('cs/leftImg8bit/val/a/a_leftImg8bit.png', await stripes([1]))
    await folder.write('cs/gtFine/val/a/a_gtFine_labelIds.png', await stripes([1]))
    const error = await rejection(openDataset(`fishyscapes-static:${folder.path}/cs`), 'NOT_FOUND')
    expect(error.message).to.include('a_labels.png')
  })
})
