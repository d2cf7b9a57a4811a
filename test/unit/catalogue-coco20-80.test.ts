import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { COCO_NAMES, COCO_THINGS } from '../../lib/data/catalogue/coco-classes.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { COCO_SIZE, writeCoco } from '../support/trees/coco.ts'
import { stripes } from '../support/trees/pictures.ts'

/** Known classes in the order of the authors' labels, by id. */
const KNOWN = new Map([
  [1, 'person'],
  [2, 'bicycle'],
  [3, 'car'],
  [4, 'motorcycle'],
  [5, 'airplane'],
  [6, 'bus'],
  [7, 'train'],
  [9, 'boat'],
  [16, 'bird'],
  [17, 'cat'],
  [18, 'dog'],
  [19, 'horse'],
  [20, 'sheep'],
  [21, 'cow'],
  [44, 'bottle'],
  [62, 'chair'],
  [63, 'couch'],
  [64, 'potted plant'],
  [67, 'dining table'],
  [72, 'tv'],
])
const LABELS_TXT = ['0: unlabeled', ...COCO_NAMES.map((name, index) => `${index + 1}: ${name}`)]

describe('coco20-80', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeCoco(folder)
  })
  afterEach(() => folder.remove())

  const open = (query: string) => openDataset(`coco20-80:${root}?${query}`)
  const idsOf = async (query: string): Promise<string[]> => {
    const dataset = await open(query)
    return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
  }

  for (const view of ['closed', 'open']) {
    it(`maps every value in the view ${view}`, async () => {
      const dataset = await open(`split=train${view === 'closed' ? '' : `&view=${view}`}`)
      expect(dataset.classes).to.deep.equal([...KNOWN.values()])
      const { labels } = await dataset.item(0)
      const counts = { known: 0, unknown: 0 }
      for (let id = 1; id <= 182; id++) {
        const label = [...KNOWN.keys()].indexOf(id)
        const other =
          COCO_THINGS.includes(COCO_NAMES[id - 1]) && view === 'open' ? UNKNOWN_LABEL : IGNORE_LABEL
        expect(labels.data[id - 1], COCO_NAMES[id - 1]).to.equal(label < 0 ? other : label)
        counts.known += +(label >= 0)
        counts.unknown += +(labels.data[id - 1] === UNKNOWN_LABEL)
      }
      expect(counts).to.deep.equal({ known: 20, unknown: view === 'open' ? 60 : 0 })
      expect(labels.data[182]).to.equal(IGNORE_LABEL)
    })
  }

  it('takes all images of a split, or those of a list in its order', async () => {
    expect(await idsOf('split=train')).to.have.length(3)
    expect((await open('split=train,val')).officialLength).to.equal(undefined)
    await folder.write(
      'coco/list.txt',
      '\uFEFF000000000030.jpg\r\n\r\n# comment\r\ntrain2017/000000000009\nimages/val2017/000000000139.jpg\n',
    )
    const listed = ['train/000000000030', 'train/000000000009', 'val/000000000139']
    expect(await idsOf('split=train,val&list=list.txt')).to.deep.equal(listed)
    expect(await idsOf(`split=train,val&list=${join(root, 'list.txt')}`)).to.deep.equal(listed)
  })

  it('names the line of a list that is wrong', async () => {
    const error = async (text: string, code: 'INVALID_FILE' | 'NOT_FOUND' | 'EMPTY') => {
      await folder.write('coco/list.txt', text)
      return (await rejection(idsOf('split=train&list=list.txt'), code)).message
    }
    expect(await error('000000000009\n000000000139\n', 'NOT_FOUND')).to.include('list.txt, line 2')
    expect(await error('000000000009\ntrain2017/000000000009.jpg\n', 'INVALID_FILE')).to.include('line 2')
    expect(await error('\n\n', 'EMPTY')).to.include('list.txt')
    expect((await rejection(idsOf('split=train&list=lost.txt'), 'NOT_FOUND')).message).to.include('lost.txt')
  })

  it('checks labels.txt where there is one', async () => {
    await folder.write('coco/labels.txt', `\uFEFF${LABELS_TXT.join('\r\n')}\r\n\n`)
    expect(await idsOf('split=val')).to.deep.equal(['val/000000000139'])
    const error = async (line: string) => {
      await folder.write('coco/labels.txt', `${LABELS_TXT.slice(0, 3).join('\n')}\n${line}\n`)
      return (await rejection(idsOf('split=val'), 'INVALID_FILE')).message
    }
    expect(await error('3: truck'))
      .to.include('labels.txt, line 4')
      .and.to.include('"car"')
    for (const line of ['183: wood', 'car', '-1: car', '3 car', '0: car', '1e0: person']) {
      expect(await error(line))
        .to.include('line 4')
        .and.to.include(JSON.stringify(line))
    }
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        await folder.write('coco/labels.txt', text)
        const outcome = await idsOf('split=val').catch((error: unknown) => error)
        const valid = text.split('\n').every((line) => line.trim() === '' || LABELS_TXT.includes(line.trim()))
        if (valid && text !== '') expect(outcome).to.have.length(1)
        else expect(outcome).to.be.instanceOf(DenseHybridError)
      }),
    )
  })

  it('names a wrong root, a missing label map and a value that releases do not have', async () => {
    for (const wrong of [`${root}/labels`, folder.path]) {
      const error = await rejection(openDataset(`coco20-80:${wrong}?split=val`), 'NOT_FOUND')
      expect(error.message).to.include('images/val2017 and labels/val2017')
      expect(error.hint).to.match(/^Did you mean .*coco/)
    }
    const file = 'labels/val2017/000000000139.png'
    await folder.write(`coco/${file}`, await stripes([0, 200], COCO_SIZE))
    const value = await rejection((await open('split=val')).item(0), 'INVALID_FILE')
    expect(value.message).to.include('label 200,').and.to.include(file)
    await rm(`${root}/${file}`)
    expect((await rejection(open('split=val'), 'NOT_FOUND')).message).to.include(file)
    expect((await rejection(open('split=val&view=osr'), 'INVALID_CONFIG')).message).to.include('closed, open')
  })
})
