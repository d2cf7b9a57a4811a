import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { picture, stripes } from '../support/trees/pictures.ts'
import { writeRoadObstacle21 } from '../support/trees/road-obstacle-21.ts'

describe('road-obstacle-21', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeRoadObstacle21(folder)
  })
  afterEach(() => folder.remove())

  const open = (split: string) => openDataset(`road-obstacle-21:${root}?split=${split}`)
  const scenesOf = async (split: string): Promise<string[]> => {
    const dataset = await open(split)
    const ids = Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
    return [...new Set(ids.map((id) => id.split('_')[0]))]
  }

  it('reads the validation images, which are WebP: 0 inlier, 1 obstacle, 255 ignored', async () => {
    const dataset = await open('validation')
    expect(dataset.files!(0).image).to.match(/validation_1\.webp$/)
    const { image, labels } = await dataset.item(0)
    expect(image.shape).to.deep.equal([48, 64, 3])
    expect([...new Set(labels.data)]).to.deep.equal([0, 254, 255])
  })

  it('leaves ten validation images out, as the publishers do', async () => {
    const dataset = await open('validation')
    expect([dataset.length, dataset.officialLength]).to.deep.equal([30, 30])
    const numbers = Array.from({ length: 30 }, (_, k) => Number(dataset.source!(k).id.slice(11)))
    const kept = Array.from({ length: 40 }, (_, k) => k + 1).filter((n) => n < 19 || n === 20 || n > 29)
    expect(numbers.sort((a, b) => a - b)).to.deep.equal(kept)
  })

  it('tells the other splits apart by scenes', async () => {
    const day = [
      'curvy-street',
      'darkasphalt',
      'darkasphalt2',
      'gravel',
      'greyasphalt',
      'motorway',
      'one-way-street',
      'paving',
    ]
    const snow = ['snowstorm1', 'snowstorm2']
    expect((await scenesOf('test')).sort()).to.deep.equal(day)
    expect(await scenesOf('night')).to.deep.equal(['driveway'])
    expect(await scenesOf('snowstorm')).to.deep.equal(snow)
    expect((await scenesOf('noNight')).sort()).to.deep.equal([...day, ...snow].sort())
    const official = { test: 327, night: 30, snowstorm: 55, noNight: 382 }
    for (const [split, images] of Object.entries(official))
      expect((await open(split)).officialLength).to.equal(images)
    await folder.write('dataset_ObstacleTrack/images/moon_1.webp', await picture(1, 'webp'))
    expect(await scenesOf('test')).to.not.include('moon')
  })

  it('reads images without published labels: all pixels are ignored', async () => {
    for (const split of ['test', 'night', 'snowstorm', 'noNight']) {
      const { labels } = await (await open(split)).item(0)
      expect(new Set(labels.data)).to.deep.equal(new Set([255]))
    }
  })

  it('refuses splits that share images', async () => {
    expect((await open('test,night')).length).to.equal(10)
    const error = await rejection(open('snowstorm,noNight'), 'INVALID_CONFIG')
    expect(error.message).to.include('snowstorm,noNight')
  })

  it('names a missing label file, a value that releases do not have, and a wrong root', async () => {
    const file = 'dataset_ObstacleTrack/labels_masks/validation_1_labels_semantic.png'
    await folder.write(file, await stripes([0, 2]))
    const error = await rejection((await open('validation')).item(0), 'INVALID_FILE')
    expect(error.message).to.include('label 2').and.to.include(file)
    await rm(`${folder.path}/${file}`)
    expect((await rejection(open('validation'), 'NOT_FOUND')).message).to.include(file)
    for (const wrong of [folder.path, `${root}/images`]) {
      const elsewhere = await rejection(openDataset(`road-obstacle-21:${wrong}?split=test`), 'NOT_FOUND')
      expect(elsewhere.message).to.include('labels_masks')
      expect(elsewhere.hint).to.equal(`Did you mean ${root}?`)
    }
  })
})
