import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { stripes } from '../support/trees/pictures.ts'
import { writeRoadAnomaly21 } from '../support/trees/road-anomaly-21.ts'

describe('road-anomaly-21', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeRoadAnomaly21(folder)
  })
  afterEach(() => folder.remove())

  const open = (split: string) => openDataset(`road-anomaly-21:${root}?split=${split}`)

  it('reads the validation images: 0 inlier, 1 anomaly, 255 ignored', async () => {
    const dataset = await open('validation')
    expect(dataset.classes).to.deep.equal([])
    expect([dataset.length, dataset.officialLength]).to.deep.equal([2, 10])
    const { id, labels } = await dataset.item(0)
    expect(id).to.equal('validation0000')
    expect([...new Set(labels.data)]).to.deep.equal([0, 254, 255])
  })

  it('reads the test images without labels: all pixels are ignored', async () => {
    const dataset = await open('test')
    expect([dataset.length, dataset.officialLength]).to.deep.equal([3, 100])
    const { id, image, labels } = await dataset.item(2)
    expect(id).to.equal('zebra0000')
    expect(image.shape).to.deep.equal([48, 64, 3])
    expect(new Set(labels.data)).to.deep.equal(new Set([255]))
    expect(dataset.files!(0)).to.have.all.keys('image')
  })

  it('reads labels of test images where there are some', async () => {
    await folder.write('dataset_AnomalyTrack/labels_masks/zebra0000_labels_semantic.png', await stripes([1]))
    expect((await (await open('test')).item(2)).labels.data[0]).to.equal(254)
  })

  it('names a missing label file of validation, and a value that releases do not have', async () => {
    const file = 'dataset_AnomalyTrack/labels_masks/validation0001_labels_semantic.png'
    await folder.write(file, await stripes([0, 2]))
    const error = await rejection((await open('validation')).item(1), 'INVALID_FILE')
    expect(error.message).to.include('label 2').and.to.include(file)
    await rm(`${folder.path}/${file}`)
    expect((await rejection(open('validation'), 'NOT_FOUND')).message).to.include(file)
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const deep = await rejection(openDataset(`road-anomaly-21:${root}/images?split=test`), 'NOT_FOUND')
    expect(deep.hint).to.equal(`Did you mean ${root}?`)
    const high = await rejection(openDataset(`road-anomaly-21:${folder.path}?split=test`), 'NOT_FOUND')
    expect(high.hint).to.equal(`Did you mean ${root}?`)
    await rejection(openDataset(`road-anomaly-21:${root}`), 'INVALID_CONFIG')
    await rm(`${root}/images/zebra0000.jpg`)
    await rm(`${root}/images/airplane0000.jpg`)
    await rm(`${root}/images/airplane0001.jpg`)
    expect((await rejection(open('test'), 'EMPTY')).message).to.include('split test')
  })
})
