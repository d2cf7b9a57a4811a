import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { byDistance } from '../../lib/evaluation/breakdown.ts'
import { lostAndFoundDistance } from '../../lib/evaluation/lost-and-found-distance.ts'
import { pngFile, rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import {
  LOST_AND_FOUND_IDS,
  lostAndFoundName,
  writeLostAndFound,
  writeStereo,
} from '../support/trees/lost-and-found.ts'
import { SIZE, stripes } from '../support/trees/pictures.ts'

const EMPTY_TEST = [17, 37, 55, 72, 91, 110, 129, 153, 174, 197, 218, 353, 490, 618, 686, 792, 793]
const EMPTY_TRAIN = [44, 67, 88, 109, 131, 614]
const FIRST = `test/02_Hanns_Klemm_Str_44/${lostAndFoundName('02_Hanns_Klemm_Str_44', 0)}`

describe('lost-and-found', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeLostAndFound(folder, 2)
  })
  afterEach(() => folder.remove())

  const open = (query: string) => openDataset(`lost-and-found:${root}?${query}`)

  it('maps ids: free space is inlier, 2 to 200 are obstacles, all else is ignored', async () => {
    const dataset = await open('split=test')
    expect(dataset.classes).to.deep.equal([])
    const { id, labels } = await dataset.item(0)
    expect(id).to.equal(FIRST)
    const columns = LOST_AND_FOUND_IDS.map(
      (_, i) => labels.data[i * (SIZE.width / LOST_AND_FOUND_IDS.length)],
    )
    expect(columns).to.deep.equal([255, 0, 254, 254, 254, 255, 255, 255])
  })

  it('reads training ids in the other view, and refuses a value that they do not have', async () => {
    const dataset = await open('split=test&view=labelTrainIds')
    expect(dataset.name).to.equal('lost-and-found (test, labelTrainIds)')
    expect([...new Set((await dataset.item(0)).labels.data)]).to.deep.equal([255, 0, 254])
    const file = `lostandfound/gtCoarse/${FIRST}_gtCoarse_labelTrainIds.png`
    await folder.write(file, await stripes([1, 3]))
    const error = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(error.message).to.include('label 3').and.to.include(file)
    await folder.write(file, await stripes([0, 1]))
    expect((await rejection(dataset.item(0), 'INVALID_FILE')).message).to.include('label 0')
  })

  it('refuses parts by position where images are missing, as others would be left out', async () => {
    const error = await rejection(open('split=testValid'), 'INVALID_FILE')
    expect(error.message).to.include('10 images').and.to.include('1203')
    expect(error.hint).to.include('split test')
  })

  it('says what a wrong root holds, and names a missing label file', async () => {
    const deep = await rejection(openDataset(`lost-and-found:${root}/gtCoarse?split=test`), 'NOT_FOUND')
    expect(deep.message).to.include('leftImg8bit')
    expect(deep.hint).to.equal(`Did you mean ${root}?`)
    const high = await rejection(openDataset(`lost-and-found:${folder.path}?split=test`), 'NOT_FOUND')
    expect(high.hint).to.equal(`Did you mean ${root}?`)
    await rm(`${root}/gtCoarse/${FIRST}_gtCoarse_labelIds.png`)
    const missing = await rejection(open('split=test'), 'NOT_FOUND')
    expect(missing.message).to.include(`${FIRST}_gtCoarse_labelIds.png`)
    expect((await open('split=test&view=labelTrainIds')).length).to.equal(10)
    expect((await rejection(open('split=testvalid'), 'INVALID_CONFIG')).hint).to.include('testValid')
  })

  it('reads pixels as stored, whatever gamma the file states', async () => {
    const gamma = Buffer.alloc(4)
    gamma.writeUInt32BE(100_000)
    const row = [10, 100, 200]
    const png = pngFile({ width: 1, height: 1, bitDepth: 8, colourType: 2 }, [row], [['gAMA', gamma]])
    await folder.write(`lostandfound/leftImg8bit/${FIRST}_leftImg8bit.png`, png)
    const labels = await stripes([1], { width: 1, height: 1 } as never)
    await folder.write(`lostandfound/gtCoarse/${FIRST}_gtCoarse_labelIds.png`, labels)
    expect([...(await (await open('split=test')).item(0)).image.data]).to.deep.equal(row)
  })

  describe('with as many images as the release', () => {
    let complete: TempFolder
    before(async () => {
      complete = await tempFolder()
      await writeLostAndFound(complete)
    })
    after(() => complete.remove())

    const openComplete = (split: string) =>
      openDataset(`lost-and-found:${complete.path}/lostandfound?split=${split}`)

    it('has the splits of the benchmark, with the numbers that it states', async () => {
      const lengths = { train: 1036, test: 1203, testValid: 1186, testNoKnown: 1043, trainValid: 1030 }
      for (const [split, length] of Object.entries(lengths)) {
        const dataset = await openComplete(split)
        expect([split, dataset.length, dataset.officialLength]).to.deep.equal([split, length, length])
      }
      expect((await openComplete('trainValid,testValid')).length).to.equal(1030 + 1186)
    })

    it('leaves out exactly the images without labels, counted in the order of the names', async () => {
      const idsOf = async (split: string): Promise<string[]> => {
        const dataset = await openComplete(split)
        return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
      }
      for (const [split, empty] of [
        ['test', EMPTY_TEST],
        ['train', EMPTY_TRAIN],
      ] as const) {
        const all = await idsOf(split)
        expect(all).to.deep.equal([...all].sort())
        expect(await idsOf(`${split}Valid`)).to.deep.equal(all.filter((_, k) => !empty.includes(k as never)))
      }
      const known = /\/(15_Rechbergstr_Deckenpfronn|01_Hanns_Klemm_Str_45_00000[67]|10_Schlossberg_9_000004)/
      const noKnown = await idsOf('testNoKnown')
      expect(noKnown).to.deep.equal((await idsOf('testValid')).filter((id) => !known.test(id)))
    })

    it('refuses splits that share images', async () => {
      const error = await rejection(openComplete('test,testValid'), 'INVALID_CONFIG')
      expect(error.message).to.include('test,testValid')
    })
  })

  describe('distance', () => {
    it('follows from the 16-bit disparity and the camera, and feeds byDistance', async () => {
      const disparity = new Uint16Array(SIZE.width * SIZE.height).fill(256 * 50)
      disparity.set([0, 256, 65535, 257])
      await writeStereo(folder, FIRST, disparity)
      const metres = await lostAndFoundDistance(root, FIRST)
      expect(metres).to.have.length(disparity.length)
      // 0.2 m · 2500 pixels = 500
      expect(metres[0]).to.be.NaN
      expect(metres[1]).to.equal(500)
      expect(metres[2]).to.be.closeTo(500 / (65535 / 256), 1e-5)
      expect(metres[3]).to.be.closeTo(500 / (257 / 256), 1e-4)
      expect(metres[4]).to.equal(10)
      const { id, labels } = await (await open('split=test')).item(0)
      const { width, height } = SIZE
      const parts = await byDistance((image) => lostAndFoundDistance(root, image), [0, 10, 20]).split({
        id,
        labels: labels.data,
        size: { width, height },
        scores: new Float32Array(labels.data.length),
      } as never)
      const counted = [...parts].map(({ target }) => target.filter((value) => value <= 1).length)
      // Half of the columns are labelled; of the first four pixels, all background, none counts.
      expect(counted).to.deep.equal([0, (width * height) / 2])
    })

    it('names a missing file, a map of 8 bit, and an id that is none', async () => {
      const missing = await rejection(lostAndFoundDistance(root, FIRST), 'NOT_FOUND')
      expect(missing.message).to.include(FIRST)
      expect(missing.hint).to.include('disparity and camera')
      await writeStereo(folder, FIRST, new Uint16Array(SIZE.width * SIZE.height))
      await folder.write(`lostandfound/disparity/${FIRST}_disparity.png`, await stripes([1, 2]))
      expect((await rejection(lostAndFoundDistance(root, FIRST), 'INVALID_FILE')).message).to.include(
        'no disparity map',
      )
      for (const id of ['02_Hanns', 'val/a/b', 'test/../b', 'test/a/../../b', '']) {
        await rejection(lostAndFoundDistance(root, id), 'INVALID_ARGUMENT')
      }
      await rejection(lostAndFoundDistance('', FIRST), 'INVALID_ARGUMENT')
    })
  })
})
