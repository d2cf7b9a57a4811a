import { rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import { streetHazardsFold } from '../../lib/data/catalogue/streethazards.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { stripes } from '../support/trees/pictures.ts'
import { writeStreetHazards } from '../support/trees/streethazards.ts'

const VALUES = Array.from({ length: 14 }, (_, i) => i + 1)

describe('streethazards', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeStreetHazards(folder)
  })
  afterEach(() => folder.remove())

  /** Labels of values 1 … 14 under a view, from the annotation of the image test/t5/1. */
  const labelsOf = async (view: string): Promise<number[]> => {
    const dataset = await openDataset(`streethazards:${root}?split=t5&view=${view}`)
    const { id, image, labels } = await dataset.item(1)
    expect(id).to.equal('test/t5/1')
    expect(image.shape).to.deep.equal([48, 64, 3])
    return VALUES.map((_, i) => labels.data[Math.floor(((i + 0.5) * 64) / 14)])
  }

  it('maps every value in every view as the official code does', async () => {
    const ignore = IGNORE_LABEL
    const unknown = UNKNOWN_LABEL
    expect(await labelsOf('closed')).to.deep.equal([0, 1, 2, ignore, 3, 4, 5, 6, 7, 8, 9, 10, 11, ignore])
    expect(await labelsOf('osr')).to.deep.equal([0, 1, 2, ignore, 3, 4, 5, 6, 7, 8, 9, 10, 11, unknown])
    expect(await labelsOf('ood')).to.deep.equal([0, 0, 0, ignore, 0, 0, 0, 0, 0, 0, 0, 0, 0, unknown])
    expect(await labelsOf('hendrycks')).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, unknown])
  })

  it('has the classes and colours of each view, closed by default', async () => {
    const closed = await openDataset(`streethazards:${root}?split=train`)
    expect(closed.classes).to.deep.equal([
      'unlabeled',
      'building',
      'fence',
      'pedestrian',
      'pole',
      'road line',
      'road',
      'sidewalk',
      'vegetation',
      'car',
      'wall',
      'traffic sign',
    ])
    expect(closed.palette?.[3]).to.deep.equal([220, 20, 60])
    expect(closed.palette).to.have.length(12)
    const official = await openDataset(`streethazards:${root}?split=train&view=hendrycks`)
    expect(official.classes).to.have.length(13)
    expect(official.classes[3]).to.equal('other')
    expect(official.palette?.[12]).to.deep.equal([220, 220, 0])
    const ood = await openDataset(`streethazards:${root}?split=test&view=ood`)
    expect(ood.classes).to.deep.equal([])
  })

  it('reads all splits, and test by towns', async () => {
    const idsOf = async (split: string) => {
      const dataset = await openDataset(`streethazards:${root}?split=${split}`)
      return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
    }
    expect(await idsOf('train')).to.deep.equal(['train/t1-3/1', 'train/t1-3/2'])
    expect(await idsOf('val,train')).to.deep.equal(['val/t4/1', 'train/t1-3/1', 'train/t1-3/2'])
    expect(await idsOf('test')).to.deep.equal(['test/t5/0001', 'test/t5/1', 'test/t6/1'])
    expect(await idsOf('t5')).to.deep.equal(['test/t5/0001', 'test/t5/1'])
    expect(await idsOf('t6,t5')).to.deep.equal(['test/t6/1', 'test/t5/0001', 'test/t5/1'])
    expect((await rejection(idsOf('test,t5'), 'INVALID_CONFIG')).message).to.include('test,t5')
    const official = await Promise.all(
      ['train', 'val', 'test', 't5'].map((split) => openDataset(`streethazards:${root}?split=${split}`)),
    )
    expect(official.map((dataset) => dataset.officialLength)).to.deep.equal([5125, 1031, 1500, undefined])
  })

  it('tells the fold of a test sample from its id', () => {
    expect(streetHazardsFold('test/t5/0001')).to.equal('t5')
    expect(streetHazardsFold('test/t6/1')).to.equal('t6')
    expect(streetHazardsFold('0/test/t6/1')).to.equal('t6')
    for (const id of ['train/t1-3/1', 'val/t5/1', 'test/t5-6/1', 'test/t7/1', 'test/t5', 'mytest/t5/1', '']) {
      expect(thrown(() => streetHazardsFold(id), 'INVALID_ARGUMENT').message).to.include('test/t5/0001')
    }
    thrown(() => streetHazardsFold(5 as unknown as string), 'INVALID_ARGUMENT')
  })

  it('needs only the archive that the splits lie in', async () => {
    await rm(`${root}/train`, { recursive: true })
    expect((await openDataset(`streethazards:${root}?split=test`)).length).to.equal(3)
    const error = await rejection(openDataset(`streethazards:${root}?split=train`), 'NOT_FOUND')
    expect(error.message).to.include('train/images/training').and.to.include('It holds test')
  })

  it('says where the right root is', async () => {
    for (const wrong of [`${root}/test`, folder.path]) {
      const error = await rejection(openDataset(`streethazards:${wrong}?split=test`), 'NOT_FOUND')
      expect(error.message).to.include('does not look like StreetHazards')
      expect(error.hint).to.match(/^Did you mean .*streethazards\?$/)
    }
    expect((await rejection(openDataset(`streethazards:${root}`), 'INVALID_CONFIG')).message).to.include(
      'split',
    )
    expect(
      (await rejection(openDataset(`streethazards:${root}?split=t5&view=hendryks`), 'INVALID_CONFIG')).hint,
    ).to.include('hendrycks')
  })

  it('names a missing annotation, and a value that releases do not have', async () => {
    const annotations = `${root}/test/annotations/test/t6`
    for (const value of [0, 15]) {
      await folder.write('streethazards/test/annotations/test/t6/1.png', await stripes([1, value]))
      const dataset = await openDataset(`streethazards:${root}?split=t6`)
      const error = await rejection(dataset.item(0), 'INVALID_FILE')
      expect(error.message).to.include(`label ${value},`).and.to.include(`${annotations}/1.png`)
    }
    await rename(`${annotations}/1.png`, `${annotations}/2.png`)
    const missing = await rejection(openDataset(`streethazards:${root}?split=test`), 'NOT_FOUND')
    expect(missing.message).to.include('t6/1.png')
  })
})
