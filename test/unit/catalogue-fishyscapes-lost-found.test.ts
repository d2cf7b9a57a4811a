import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import {
  writeFishyscapesFine,
  writeFishyscapesLabels,
  writeFishyscapesOod,
} from '../support/trees/fishyscapes-lost-found.ts'
import { writeFishyscapesOriginal } from '../support/trees/fishyscapes-static.ts'
import { stripes } from '../support/trees/pictures.ts'

const SECOND = '04_Maurener_Weg_8_000001_000060'

describe('fishyscapes-lost-found', () => {
  let folder: TempFolder
  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  const labelsOf = async (spec: string): Promise<[id: string, values: number[]]> => {
    const dataset = await openDataset(spec)
    expect([dataset.length, dataset.officialLength]).to.deep.equal([2, 100])
    expect(dataset.classes).to.deep.equal([])
    const { id, labels } = await dataset.item(1)
    return [id, [...new Set(labels.data)]]
  }

  it('reads leftImg8bit and ood, where 2 is ignored', async () => {
    const root = await writeFishyscapesOod(folder)
    expect(await labelsOf(`fishyscapes-lost-found:${root}`)).to.deep.equal([SECOND, [0, 254, 255]])
  })

  it('reads leftImg8bit and gtFine, where 255 is ignored', async () => {
    const root = await writeFishyscapesFine(folder)
    expect(await labelsOf(`fishyscapes-lost-found:${root}`)).to.deep.equal([`0001_${SECOND}`, [0, 254, 255]])
  })

  it('reads original and labels, and labels_with_ROI as a view', async () => {
    const root = await writeFishyscapesOriginal(folder, ['0', '1'])
    expect(await labelsOf(`fishyscapes-lost-found:${root}`)).to.deep.equal(['1', [0, 254]])
    const roi = await labelsOf(`fishyscapes-lost-found:${root}?view=roi`)
    expect(roi).to.deep.equal(['1', [255, 0, 254]])
  })

  it('takes the images of label files alone from Lost and Found', async () => {
    const { root, lostAndFound } = await writeFishyscapesLabels(folder)
    const spec = `fishyscapes-lost-found:${root}?images=${lostAndFound}`
    expect(await labelsOf(spec)).to.deep.equal([`0001_${SECOND}`, [0, 254, 255]])
    expect((await openDataset(spec)).files!(1).image).to.include(
      `/04_Maurener_Weg_8/${SECOND}_leftImg8bit.png`,
    )
    const without = await rejection(openDataset(`fishyscapes-lost-found:${root}`), 'NOT_FOUND')
    expect(without.hint).to.include('images=DIR')
    await rejection(openDataset(`${spec}&view=roi`), 'NOT_FOUND')
    const wrong = await rejection(
      openDataset(`fishyscapes-lost-found:${root}?images=${lostAndFound}/leftImg8bit`),
      'NOT_FOUND',
    )
    expect(wrong.hint).to.equal(`Did you mean ${lostAndFound}?`)
    await rm(`${lostAndFound}/leftImg8bit/test`, { recursive: true })
    const missing = await rejection(openDataset(spec), 'NOT_FOUND')
    expect(missing.message).to.include('has no image').and.to.include('04_Maurener_Weg_8_000000_000030')
  })

  it('names a value that no release has, and a missing label file', async () => {
    const root = await writeFishyscapesOod(folder)
    const file = `FishyLAF/ood/${SECOND}_ood_segmentation.png`
    await folder.write(file, await stripes([0, 1, 4]))
    const error = await rejection(
      (await openDataset(`fishyscapes-lost-found:${root}`)).item(1),
      'INVALID_FILE',
    )
    expect(error.message).to.include('label 4').and.to.include(file)
    await rm(`${folder.path}/${file}`)
    const missing = await rejection(openDataset(`fishyscapes-lost-found:${root}`), 'NOT_FOUND')
    expect(missing.message).to.include(file)
  })

  it('says what a wrong root holds, and where the right one is', async () => {
    const root = await writeFishyscapesOod(folder)
    const deep = await rejection(openDataset(`fishyscapes-lost-found:${root}/ood`), 'NOT_FOUND')
    expect(deep.message).to.include('leftImg8bit and ood; or')
    expect(deep.hint).to.equal(`Did you mean ${root}?`)
    const high = await rejection(openDataset(`fishyscapes-lost-found:${folder.path}`), 'NOT_FOUND')
    expect(high.hint).to.equal(`Did you mean ${root}?`)
  })
})
