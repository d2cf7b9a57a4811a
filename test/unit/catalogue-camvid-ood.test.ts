import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeCamvidOod } from '../support/trees/camvid-ood.ts'
import { stripes } from '../support/trees/pictures.ts'

describe('camvid-ood', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeCamvidOod(folder)
  })
  afterEach(() => folder.remove())

  const idsOf = async (split: string): Promise<string[]> => {
    const dataset = await openDataset(`camvid-ood:${root}?split=${split}`)
    return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
  }

  it('maps the values 0 … 12 in every view', async () => {
    const labelsOf = async (view: string) => {
      const dataset = await openDataset(`camvid-ood:${root}?split=test_ood&view=${view}`)
      return [...new Set((await dataset.item(0)).labels.data)]
    }
    const eleven = Array.from({ length: 11 }, (_, label) => label)
    expect(await labelsOf('closed')).to.deep.equal([...eleven, IGNORE_LABEL])
    expect(await labelsOf('osr')).to.deep.equal([...eleven, IGNORE_LABEL, UNKNOWN_LABEL])
    expect(await labelsOf('ood')).to.deep.equal([0, IGNORE_LABEL, UNKNOWN_LABEL])
  })

  it('reads all splits in the order of their lists', async () => {
    expect(await idsOf('train')).to.deep.equal(['train/0001TP_006690', 'train/0001TP_006720'])
    expect(await idsOf('val')).to.deep.equal(['val/0016E5_07959'])
    expect(await idsOf('test_ood,test')).to.deep.equal([
      'test_ood/0001TP_008550',
      'test_ood/Seq05VD_f00000',
      'test/0001TP_008550',
      'test/Seq05VD_f00000',
    ])
    const dataset = await openDataset(`camvid-ood:${root}?split=train,val,test`)
    expect(dataset.officialLength).to.equal(701)
    expect(dataset.classes).to.have.length(11)
    expect(dataset.classes[9]).to.equal('Pedestrian')
    expect(dataset.palette?.[4]).to.deep.equal([0, 0, 192])
  })

  it('finds the files of lists that name the folder of SegNet, with any line ends', async () => {
    await writeCamvidOod(folder, '/SegNet/CamVid/')
    expect(await idsOf('train,test_ood')).to.have.length(4)
    await folder.write('CamVid/val.txt', '\uFEFFval/0016E5_07959.png\tvalannot/0016E5_07959.png\r\n\r\n')
    expect(await idsOf('val')).to.deep.equal(['val/0016E5_07959'])
  })

  it('names the line that is wrong', async () => {
    const line = 'val/0016E5_07959.png valannot/0016E5_07959.png'
    const error = async (text: string, code: 'INVALID_FILE' | 'NOT_FOUND' | 'EMPTY') => {
      await folder.write('CamVid/val.txt', text)
      return (await rejection(idsOf('val'), code)).message
    }
    expect(await error(`${line}\n${line}\n`, 'INVALID_FILE')).to.include('val.txt, line 2')
    expect(await error('val/0016E5_07959.png\n', 'INVALID_FILE')).to.include('line 1')
    expect(await error(`${line} more\n`, 'INVALID_FILE')).to.include('line 1')
    expect(await error(`/data/${line}\n`, 'INVALID_FILE')).to.include('/data/val')
    expect(await error(`\n${line.replace('valannot', 'testannot')}\n`, 'NOT_FOUND'))
      .to.include('line 2')
      .and.to.include('testannot/0016E5_07959.png')
    expect(await error(`${line.replaceAll('val/', 'train/')}\n`, 'NOT_FOUND')).to.include('train/0016E5')
    expect(await error('val valannot\n', 'NOT_FOUND')).to.include('CamVid/val ')
    expect(await error('\n \n', 'EMPTY')).to.include('val.txt')
  })

  it('answers any list with a data set or an error of its own', async () => {
    const word = fc.oneof(fc.constantFrom('val/0016E5_07959.png', 'valannot', '/', '..', '\0'), fc.string())
    const list = fc.array(fc.array(word, { maxLength: 3 }), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(list, async (lines) => {
        await folder.write('CamVid/val.txt', lines.map((words) => words.join(' ')).join('\n'))
        const outcome = await idsOf('val').catch((error: unknown) => error)
        expect(Array.isArray(outcome) || outcome instanceof DenseHybridError, String(outcome)).to.equal(true)
      }),
    )
  })

  it('says where the right root is, and that the animals are missing', async () => {
    for (const wrong of [`${root}/test_ood`, folder.path]) {
      const error = await rejection(openDataset(`camvid-ood:${wrong}?split=test_ood`), 'NOT_FOUND')
      expect(error.hint).to.match(/^Did you mean .*CamVid\?$/)
    }
    await rm(`${root}/test_ood.txt`)
    expect((await rejection(idsOf('test_ood'), 'NOT_FOUND')).message).to.include('test_ood.txt is missing')
    expect(await idsOf('test')).to.have.length(2)
  })

  it('names a value that releases do not have', async () => {
    const file = 'CamVid/testannot_ood/0001TP_008550.png'
    await folder.write(file, await stripes([0, 13]))
    const dataset = await openDataset(`camvid-ood:${root}?split=test_ood`)
    const error = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(error.message).to.include('label 13,').and.to.include(file)
  })
})
