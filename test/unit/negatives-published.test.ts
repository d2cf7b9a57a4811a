import { expect } from 'chai'
import sharp from 'sharp'
import { CATALOGUE } from '../../lib/data/catalogue/catalogue.ts'
import { UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { withPastedNegatives } from '../../lib/data/pasted.ts'
import { openDataset, openNegatives } from '../../lib/data/registry.ts'
import type { RealNegatives } from '../../lib/negatives/real.ts'
import { random } from '../../lib/random.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeAde20k } from '../support/trees/ade20k.ts'
import { writeCoco } from '../support/trees/coco.ts'
import { stripes } from '../support/trees/pictures.ts'

const SIDE = 64
const TARGET = { height: SIDE, width: SIDE }

/** A JPEG image of upright stripes in these colours. */
function colours(values: readonly (readonly [number, number, number])[]): Promise<Buffer> {
  const data = Uint8Array.from(
    { length: SIDE * SIDE * 3 },
    (_, i) => values[Math.floor(((Math.floor(i / 3) % SIDE) * values.length) / SIDE)][i % 3],
  )
  return sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer()
}

describe('negatives of published data sets', () => {
  let folder: TempFolder
  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  /** Share of red pixels (people) in what is pasted, over several negatives. */
  const redShare = async (spec: string): Promise<number> => {
    const source = await openNegatives(spec)
    let red = 0
    let all = 0
    for (let seed = 0; seed < 12; seed++) {
      const { image, mask } = await source.sample(random(seed), TARGET)
      for (const [pixel, inside] of mask.data.entries()) {
        if (inside !== 1) continue
        all++
        red += +(image.data[3 * pixel] > image.data[3 * pixel + 2])
      }
    }
    expect(all).to.be.above(0)
    return red / all
  }

  const RED = [250, 10, 10] as const
  const BLUE = [10, 10, 250] as const

  it('come from ade20k, without the classes that are skipped', async () => {
    const size = { width: SIDE, height: SIDE }
    const image = 'ADEChallengeData2016/images/training/ADE_train_00000001.jpg'
    const labels = 'ADEChallengeData2016/annotations/training/ADE_train_00000001.png'
    await folder.write(image, await colours([RED, BLUE]))
    await folder.write(labels, await stripes([13, 21], size))
    const spec = `ade20k:${folder.path}/ADEChallengeData2016?crop-size=64`
    expect(await redShare(spec)).to.be.within(0.1, 0.9)
    for (const mode of ['rectangle', 'segments']) {
      expect(await redShare(`${spec}&mode=${mode}&skip=person`)).to.equal(0)
      expect(await redShare(`${spec}&mode=${mode}&skip=car`)).to.equal(1)
    }
    const everything = await openNegatives(`${spec}&mode=segments&skip=person,car`)
    await rejection(everything.sample(random(1), TARGET), 'EMPTY')
  })

  it('come from coco-stuff, without the classes that are skipped', async () => {
    await folder.write('coco/images/train2017/000000000009.jpg', await colours([RED, BLUE]))
    const labels = await stripes([0, 9], { width: SIDE, height: SIDE })
    await folder.write('coco/stuffthingmaps/train2017/000000000009.png', labels)
    const spec = `coco-stuff:${folder.path}/coco?crop-size=64`
    expect(await redShare(`${spec}&skip=person&area=0.01-0.2&min-area=10`)).to.equal(0)
    expect(await redShare(`${spec}&skip=traffic light&rectangle-probability=0.3`)).to.equal(1)
  })

  it('are pasted into the items of a data set', async () => {
    const root = await writeAde20k(folder)
    const source = await openNegatives(`ade20k:${root}?skip=person,car`)
    const pasted = withPastedNegatives(await openDataset(`ade20k:${root}?split=val`), source, { seed: 3 })
    const { labels } = await pasted.item(0)
    expect(new Set(labels.data)).to.deep.equal(new Set([2, 4, UNKNOWN_LABEL]))
  })

  it('have no instances', async () => {
    const source = await openNegatives(`ade20k:${await writeAde20k(folder)}?mode=instance`)
    const error = await rejection(source.sample(random(1), TARGET), 'EMPTY')
    expect(error.hint).to.include('instance maps')
  })

  it('take all images of the training split by default, another split, a limit or a half', async () => {
    const root = await writeCoco(folder)
    const sizeOf = async (query: string) => {
      const source = await openNegatives(`coco-stuff:${root}?${query}`)
      return (source as RealNegatives).dataset.length
    }
    expect(await sizeOf('half=a')).to.equal(3)
    expect(await sizeOf('split=val')).to.equal(1)
    expect(await sizeOf('split=train,val')).to.equal(4)
    expect(await sizeOf('limit=2')).to.equal(2)
    expect((await openNegatives(`coco-stuff:${root}?half=b&name=COCO`)).name).to.equal(
      'COCO (rectangle + segments, half b)',
    )
  })

  it('refuse what is wrong with the spec in the message', async () => {
    const root = await writeCoco(folder)
    const refuse = async (spec: string) => {
      const error = await rejection(openNegatives(spec), 'INVALID_CONFIG')
      expect(error.message).to.include(JSON.stringify(spec))
      return error
    }
    expect((await refuse(`coco-stuff:${root}?skip=trafic light`)).hint).to.include('traffic light')
    expect((await refuse(`coco-stuff:${root}?split=vall`)).hint).to.include('val')
    expect((await refuse(`coco-stuff:${root}?skipp=car`)).hint).to.include('skip')
    expect((await refuse(`coco-stuff:${root}?half=c`)).message).to.include('a, b')
    expect((await refuse('coco-stuff:?half=a')).message).to.include('COCO-Stuff')
    expect((await refuse(`coco-stufff:${root}`)).hint).to.include('coco-stuff')
    await rejection(openNegatives(`ade20k:${root}`), 'NOT_FOUND')
  })

  it('are open for every entry with that role, and for no other', async () => {
    for (const { scheme, roles } of CATALOGUE) {
      const missing = openNegatives(`${scheme}:${folder.path}/nowhere`)
      await rejection(missing, roles.includes('negatives') ? 'NOT_FOUND' : 'INVALID_CONFIG')
    }
  })
})
