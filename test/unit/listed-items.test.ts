import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeCityscapes } from '../support/trees/cityscapes.ts'

describe('ids=FILE of a spec', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeCityscapes(folder, { train: ['aachen', 'bremen', 'jena'] })
  })
  afterEach(() => folder.remove())

  const open = async (list: string, more = '') => {
    const file = await folder.write('some.txt', list)
    return openDataset(`cityscapes:${root}?split=train&ids=${file}${more}`)
  }
  const idsOf = async (list: string, more = '') => {
    const dataset = await open(list, more)
    return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
  }

  it('takes these items in this order, before limit', async () => {
    const all = await openDataset(`cityscapes:${root}?split=train`)
    const ids = [0, 1, 2].map((index) => all.source!(index).id)
    expect(await idsOf(`# two of three\n${ids[2]}\r\n\n${ids[0]} # the first\n`)).to.deep.equal([
      ids[2],
      ids[0],
    ])
    expect(await idsOf(`${ids[2]}\n${ids[0]}`, '&limit=1')).to.deep.equal([ids[2]])
    const { id } = await (await open(ids[1])).item(0)
    expect(id).to.equal(ids[1])
    expect((await open(ids[1])).officialLength).to.equal(undefined)
  })

  it('names the line of an id that is not there, or twice, and refuses an empty list', async () => {
    const [first] = await idsOf((await openDataset(`cityscapes:${root}?split=train`)).source!(0).id)
    const unknown = await rejection(open(`${first}\n${first}x`), 'NOT_FOUND')
    expect(unknown.message).to.match(/some\.txt, line 2: cityscapes \(train\) has no item/)
    expect(unknown.hint).to.equal(`Did you mean ${first}?`)
    expect((await rejection(open('zzz'), 'NOT_FOUND')).hint).to.include(JSON.stringify(first))
    expect((await rejection(open(`${first}\n${first}`), 'INVALID_FILE')).message).to.include(
      'already in line 1',
    )
    await rejection(open('\n# nothing\n'), 'EMPTY')
    await rejection(openDataset(`cityscapes:${root}?split=train&ids=${folder.path}/none.txt`), 'NOT_FOUND')
  })
})
