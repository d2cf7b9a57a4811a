import { readdir, rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { bddAnomaly } from '../../lib/data/catalogue/bdd-anomaly.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeBddAnomaly, writeBddList } from '../support/trees/bdd-anomaly.ts'
import { stripes } from '../support/trees/pictures.ts'

describe('bdd-anomaly', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeBddAnomaly(folder)
  })
  afterEach(() => folder.remove())

  const idsOf = async (split: string): Promise<string[]> => {
    const dataset = await openDataset(`bdd-anomaly:${root}?split=${split}`)
    return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
  }
  const labelsOf = async (split: string, view: string, index: number): Promise<number[]> => {
    const dataset = await openDataset(`bdd-anomaly:${root}?split=${split}&view=${view}`)
    return [...new Set((await dataset.item(index)).labels.data)]
  }
  const sixteen = Array.from({ length: 16 }, (_, label) => label)

  for (const labels of ['train_labels', 'labels'] as const) {
    it(`divides the images by what ${labels} hold, and maps every value`, async () => {
      await rm(root, { recursive: true })
      root = await writeBddAnomaly(folder, labels)
      expect(await idsOf('train')).to.deep.equal(['train/0000f77c-6257be58', 'train/00054602-3bf57337'])
      expect(await idsOf('val')).to.deep.equal(['val/7d06fefd-f7be05a6'])
      const test = ['train/0004a4c0-d4dff0ad', 'val/7d128593-0ccfea4c', 'val/7d15b18b-1e0d6e3f']
      expect(await idsOf('test')).to.deep.equal(test)
      expect(await idsOf('test,val')).to.deep.equal([...test, 'val/7d06fefd-f7be05a6'])
      expect(await labelsOf('train', 'closed', 0)).to.deep.equal([...sixteen, IGNORE_LABEL])
      expect(await labelsOf('train', 'ood', 0)).to.deep.equal([0, IGNORE_LABEL])
      expect(await labelsOf('test', 'closed', 0)).to.deep.equal([0, 10, IGNORE_LABEL])
      for (const index of [0, 1]) {
        expect(await labelsOf('test', 'ood', index)).to.deep.equal([0, UNKNOWN_LABEL])
      }
      expect(await labelsOf('test', 'ood', 2)).to.deep.equal([UNKNOWN_LABEL, 0])
    })
  }

  it('writes nothing beside the data', async () => {
    const before = await readdir(root, { recursive: true })
    await idsOf('test')
    expect(await readdir(root, { recursive: true })).to.deep.equal(before)
  })

  it('has 16 classes, colours and official counts', async () => {
    const dataset = await openDataset(`bdd-anomaly:${root}?split=train`)
    expect(dataset.classes).to.have.length(16)
    expect(dataset.classes.at(-1)).to.equal('bus')
    expect(dataset.palette?.[15]).to.deep.equal([0, 60, 100])
    expect(dataset.officialLength).to.equal(6280)
    expect((await openDataset(`bdd-anomaly:${root}?split=val,test`)).officialLength).to.equal(1720)
  })

  it('follows the lists where they are there, in their order', async () => {
    await writeBddList(folder, 'train.odgt', ['train/00054602-3bf57337', 'train/0000f77c-6257be58'])
    await writeBddList(folder, 'validation.odgt', ['val/7d15b18b-1e0d6e3f'])
    const part = await rejection(idsOf('train'), 'NOT_FOUND')
    expect(part.message).to.include('anom.odgt or test.odgt is missing')
    for (const name of ['anom.odgt', 'test.odgt']) {
      const file = await writeBddList(folder, name, ['val/7d128593-0ccfea4c', 'train/0004a4c0-d4dff0ad'])
      expect(await idsOf('train')).to.deep.equal(['train/00054602-3bf57337', 'train/0000f77c-6257be58'])
      expect(await idsOf('val')).to.deep.equal(['val/7d15b18b-1e0d6e3f'])
      expect(await idsOf('test')).to.deep.equal(['val/7d128593-0ccfea4c', 'train/0004a4c0-d4dff0ad'])
      await rm(file)
    }
  })

  it('names what is wrong in a list', async () => {
    await writeBddList(folder, 'train.odgt', ['train/00054602-3bf57337'])
    await writeBddList(folder, 'validation.odgt', ['val/7d15b18b-1e0d6e3f'])
    await writeBddList(folder, 'anom.odgt', ['train/00054602-3bf57337'])
    const both = await rejection(idsOf('test'), 'INVALID_FILE')
    expect(both.message).to.include('anom.odgt').and.to.include('train.odgt')
    await writeBddList(folder, 'anom.odgt', ['val/7d128593-0ccfea4c', 'val/7d128593-0ccfea4c'])
    expect((await rejection(idsOf('test'), 'INVALID_FILE')).message).to.include('twice')
    await writeBddList(folder, 'anom.odgt', ['val/nowhere'])
    expect((await rejection(idsOf('test'), 'NOT_FOUND')).message).to.include('val/nowhere')
    for (const text of ['{}', '[]', '[{"fpath_img": 3}]', '["images/other/x.jpg"]', '[null]', '{"a"']) {
      await folder.write('bdd/anom.odgt', text)
      expect((await rejection(idsOf('test'), 'INVALID_FILE')).message, text).to.include('anom.odgt')
    }
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await folder.write('bdd/anom.odgt', JSON.stringify([{ fpath_img: value }]))
        await rejection(idsOf('test'), 'INVALID_FILE')
        await folder.write('bdd/anom.odgt', JSON.stringify(value))
        await rejection(idsOf('test'), 'INVALID_FILE')
      }),
      { numRuns: 50 },
    )
  })

  it('says where the right root is, for both kinds of labels', async () => {
    for (const labels of ['train_labels', 'labels'] as const) {
      await rm(root, { recursive: true })
      await writeBddAnomaly(folder, labels)
      for (const wrong of [`${root}/seg`, folder.path]) {
        const error = await rejection(openDataset(`bdd-anomaly:${wrong}?split=train`), 'NOT_FOUND')
        expect(error.hint).to.match(/^Did you mean .*bdd\?$/)
      }
    }
    await rename(`${root}/seg/labels`, `${root}/seg/sem_seg`)
    const error = await rejection(idsOf('val'), 'NOT_FOUND')
    expect(error.message).to.include('seg/train_labels is missing')
  })

  it('names a missing label map, and values of the other encoding', async () => {
    const file = 'bdd/seg/train_labels/val/7d06fefd-f7be05a6_train_id.png'
    for (const value of [0, 21]) {
      await folder.write(file, await stripes([1, value]))
      expect((await rejection(idsOf('val'), 'INVALID_FILE')).message)
        .to.include(`label ${value},`)
        .and.to.include(file)
    }
    await rename(`${root}/seg/train_labels/val`, `${root}/seg/train_labels/valid`)
    expect((await rejection(idsOf('test'), 'NOT_FOUND')).message).to.include('train_labels/val')
    await rename(`${root}/seg/train_labels/valid`, `${root}/seg/train_labels/val`)
    await rm(`${folder.path}/${file}`)
    expect((await rejection(idsOf('test'), 'NOT_FOUND')).message).to.include('7d06fefd-f7be05a6_train_id.png')
    await rename(`${root}/seg/train_labels`, `${root}/seg/labels`)
    expect((await rejection(idsOf('train'), 'INVALID_FILE')).message).to.include('BDD100K')
  })

  it('stops when it is cancelled', async () => {
    const signal = AbortSignal.abort()
    const options = { root, splits: ['test'], view: 'ood', values: {}, name: 'bdd', signal }
    await rejection(bddAnomaly.open(options), 'ABORTED')
  })
})
