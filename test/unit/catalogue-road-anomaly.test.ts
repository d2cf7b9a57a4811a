import { rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { stripes } from '../support/trees/pictures.ts'
import { writeRoadAnomaly } from '../support/trees/road-anomaly.ts'

const FILE = 'RoadAnomaly_jpg/frames/animals01_Guiguinto_railway.labels/labels_semantic.png'

describe('road-anomaly', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeRoadAnomaly(folder)
  })
  afterEach(() => folder.remove())

  it('reads the labels beside each image: 2 is an anomaly, in grey and in palette files', async () => {
    const dataset = await openDataset(`road-anomaly:${root}`)
    expect(dataset.name).to.equal('road-anomaly (test)')
    expect(dataset.classes).to.deep.equal([])
    expect([dataset.length, dataset.officialLength]).to.deep.equal([2, 60])
    const ids = ['animals01_Guiguinto_railway', 'animals02_horse.on_road']
    for (const [index, expected] of ids.entries()) {
      const { id, labels } = await dataset.item(index)
      expect(id).to.equal(expected)
      expect([...new Set(labels.data)]).to.deep.equal([0, 254])
    }
  })

  it('ignores 255 and refuses other values, 1 among them', async () => {
    await folder.write(FILE, await stripes([0, 255]))
    const { labels } = await (await openDataset(`road-anomaly:${root}`)).item(0)
    expect([...new Set(labels.data)]).to.deep.equal([0, 255])
    for (const value of [1, 3]) {
      await folder.write(FILE, await stripes([0, value]))
      const error = await rejection((await openDataset(`road-anomaly:${root}`)).item(0), 'INVALID_FILE')
      expect(error.message).to.include(`label ${value}`).and.to.include(FILE)
    }
  })

  it('names a missing label file', async () => {
    await rm(`${folder.path}/${FILE}`)
    const error = await rejection(openDataset(`road-anomaly:${root}`), 'NOT_FOUND')
    expect(error.message).to.include(FILE)
  })

  it('reads frames in WebP', async () => {
    const name = `${root}/frames/animals02_horse.on_road`
    await rename(`${name}.jpg`, `${name}.webp`)
    expect((await openDataset(`road-anomaly:${root}?split=test`)).length).to.equal(2)
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const deep = await rejection(openDataset(`road-anomaly:${root}/frames`), 'NOT_FOUND')
    expect(deep.message).to.include('frames')
    expect(deep.hint).to.equal(`Did you mean ${root}?`)
    const high = await rejection(openDataset(`road-anomaly:${folder.path}`), 'NOT_FOUND')
    expect(high.hint).to.equal(`Did you mean ${root}?`)
    await rm(`${root}/frames`, { recursive: true })
    await folder.write('RoadAnomaly_jpg/frames/readme.txt', 'x')
    await rejection(openDataset(`road-anomaly:${root}`), 'EMPTY')
  })
})
