import { expect } from 'chai'
import fc from 'fast-check'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { SCENE_CLASSES, sceneNegatives, scenes } from '../../lib/data/scenes/index.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import { random } from '../../lib/random.ts'

const PIXELS = 192 * 128

/** Number of pixels of each label. */
function histogram(labels: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256)
  for (const label of labels) counts[label]++
  return counts
}

async function labelsOf(options: Parameters<typeof scenes>[0]): Promise<Uint32Array[]> {
  const dataset = scenes(options)
  const histograms: Uint32Array[] = []
  for (let i = 0; i < dataset.length; i++) histograms.push(histogram((await dataset.item(i)).labels.data))
  return histograms
}

function failure(action: () => unknown): DenseHybridError {
  try {
    action()
  } catch (error) {
    expect(error).to.be.instanceOf(DenseHybridError)
    return error as DenseHybridError
  }
  throw new Error('expected an error')
}

describe('scenes', function () {
  this.timeout(30_000)

  describe('data set', () => {
    it('names its split, its classes and its items', async () => {
      const dataset = scenes({ split: 'test', length: 20 })
      expect(dataset.name).to.equal('scenes (test)')
      expect(dataset.classes).to.deep.equal([...SCENE_CLASSES])
      expect(dataset.classes.length).to.be.at.least(8)
      expect(new Set(dataset.classes).size).to.equal(dataset.classes.length)
      expect((await dataset.item(12)).id).to.equal('test-0012')
    })

    it('renders 192×128 by default', async () => {
      const { image, labels } = await scenes({ split: 'train' }).item(0)
      expect(image.shape).to.deep.equal([128, 192, 3])
      expect(image.data.length).to.equal(3 * PIXELS)
      expect(labels.shape).to.deep.equal([128, 192])
      expect(labels.data.length).to.equal(PIXELS)
    })

    it('renders every size, with the same scene in it', async () => {
      const share = async (width: number, height: number) => {
        const { image, labels } = await scenes({ split: 'test', width, height }).item(3)
        expect(image.shape).to.deep.equal([height, width, 3])
        expect(labels.data.length).to.equal(width * height)
        const counts = histogram(labels.data)
        return [counts[0], counts[4]].map((count) => count / (width * height))
      }
      const usual = await share(192, 128)
      for (const [width, height] of [
        [64, 48],
        [65, 49],
        [97, 131],
        [384, 256],
      ]) {
        const [road, sky] = await share(width, height)
        if (width / height === 1.5) {
          expect(road).to.be.closeTo(usual[0], 0.02)
          expect(sky).to.be.closeTo(usual[1], 0.02)
        } else expect(road).to.be.greaterThan(0.02)
      }
    })

    it('gives the same bytes in any order of access', async () => {
      const forward = scenes({ split: 'val', seed: 5 })
      const backward = scenes({ split: 'val', seed: 5, length: 7 })
      const expected = []
      for (let i = 0; i < 4; i++) expected.push(await forward.item(i))
      for (let i = 3; i >= 0; i--) {
        const again = await backward.item(i)
        expect(again.id).to.equal(expected[i].id)
        expect(Buffer.compare(again.image.data, expected[i].image.data)).to.equal(0)
        expect(Buffer.compare(again.labels.data, expected[i].labels.data)).to.equal(0)
      }
    })

    it('hands out buffers of its own', async () => {
      const dataset = scenes({ split: 'train' })
      const first = await dataset.item(0)
      const copy = first.image.data.slice()
      first.image.data.fill(0)
      const again = await dataset.item(0)
      expect(Buffer.compare(again.image.data, copy)).to.equal(0)
    })

    it('makes different scenes for every split, seed and index', async () => {
      const images: Uint8Array[] = []
      for (const split of ['train', 'val', 'test'] as const) {
        for (const seed of [0, 1, 2 ** 40]) {
          for (const index of [0, 1]) {
            images.push((await scenes({ split, seed, anomalies: false }).item(index)).image.data)
          }
        }
      }
      for (let a = 0; a < images.length; a++) {
        for (let b = 0; b < a; b++) {
          const same = images[a].reduce((count, value, i) => count + (value === images[b][i] ? 1 : 0), 0)
          expect(same / images[a].length, `scenes ${b} and ${a}`).to.be.lessThan(0.25)
        }
      }
    })

    it('uses the whole range of tones', async () => {
      const { image } = await scenes({ split: 'train' }).item(1)
      const mean = image.data.reduce((sum, value) => sum + value, 0) / image.data.length
      const spread = Math.sqrt(
        image.data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / image.data.length,
      )
      expect(mean).to.be.within(60, 200)
      expect(spread).to.be.greaterThan(20)
    })
  })

  describe('labels', () => {
    it('shows every class often enough, and nothing unknown, in train', async () => {
      const histograms = await labelsOf({ split: 'train', length: 40 })
      const total = new Float64Array(256)
      for (const counts of histograms) {
        counts.forEach((count, label) => {
          total[label] += count
        })
      }
      SCENE_CLASSES.forEach((name, label) => {
        const scenesWithIt = histograms.filter((counts) => counts[label] > 0).length
        expect(scenesWithIt / histograms.length, `scenes with ${name}`).to.be.greaterThan(0.3)
        expect(total[label] / (PIXELS * histograms.length), `pixels of ${name}`).to.be.greaterThan(0.003)
        expect(total[label] / (PIXELS * histograms.length), `pixels of ${name}`).to.be.lessThan(0.5)
      })
      expect(total[UNKNOWN_LABEL]).to.equal(0)
      expect(total[IGNORE_LABEL] / (PIXELS * histograms.length)).to.be.lessThan(0.06)
      const allowed = SCENE_CLASSES.length
      expect(total.findIndex((count, label) => count > 0 && label >= allowed)).to.equal(IGNORE_LABEL)
    })

    for (const split of ['val', 'test'] as const) {
      it(`shows unknown objects in every scene of ${split}`, async () => {
        const shares = (await labelsOf({ split, length: 40 })).map((counts) => counts[UNKNOWN_LABEL] / PIXELS)
        expect(Math.min(...shares)).to.be.greaterThan(0.0005)
        expect(Math.max(...shares)).to.be.lessThan(0.35)
        const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
        expect(mean).to.be.within(0.01, 0.12)
        expect(shares.filter((share) => share < 0.02).length, 'small objects').to.be.greaterThan(0)
      })
    }

    it('leaves a scene as it is but for the unknown objects', async () => {
      const withObjects = await scenes({ split: 'test' }).item(2)
      const without = await scenes({ split: 'test', anomalies: false }).item(2)
      expect(histogram(without.labels.data)[UNKNOWN_LABEL]).to.equal(0)
      let changed = 0
      withObjects.labels.data.forEach((label, i) => {
        if (label !== UNKNOWN_LABEL && label !== without.labels.data[i]) changed++
      })
      // Only pixels at the objects' outlines may turn into IGNORE_LABEL.
      expect(changed / PIXELS).to.be.lessThan(0.02)
    })

    it('puts the sky over the road', async () => {
      for (const index of [0, 1, 2, 3]) {
        const { labels } = await scenes({ split: 'train' }).item(index)
        const rows = (label: number) =>
          labels.data.reduce((sum, l, i) => sum + (l === label ? Math.floor(i / 192) : 0), 0)
        const counts = histogram(labels.data)
        expect(rows(4) / Math.max(1, counts[4])).to.be.lessThan(rows(0) / Math.max(1, counts[0]))
        expect(labels.data.lastIndexOf(4) < labels.data.lastIndexOf(0)).to.equal(true)
      }
    })
  })

  describe('misuse', () => {
    it('names the option', () => {
      expect(failure(() => scenes({ split: 'tset' as 'test' })).hint).to.contain('test')
      expect(failure(() => scenes({ split: 'test', lenght: 3 } as never)).hint).to.contain('length')
      expect(failure(() => scenes({ split: 'test', width: 63 })).message).to.contain('width')
      expect(failure(() => scenes({ split: 'test', height: 47 })).message).to.contain('height')
      expect(failure(() => scenes({ split: 'test', length: 0 })).message).to.contain('length')
      expect(failure(() => scenes({ split: 'test', seed: -1 })).message).to.contain('seed')
      expect(failure(() => scenes({ split: 'train', anomalies: true })).message).to.contain('anomalies')
      expect(failure(() => scenes(undefined as never)).message).to.contain('options')
    })

    it('rejects an index outside the set', async () => {
      const dataset = scenes({ split: 'test', length: 2 })
      for (const index of [-1, 2, 0.5]) {
        const error = await dataset.item(index).then(
          () => undefined,
          (reason) => reason,
        )
        expect(error).to.be.instanceOf(DenseHybridError)
        expect(error.code).to.equal('INVALID_ARGUMENT')
      }
    })
  })
})

describe('sceneNegatives', function () {
  this.timeout(30_000)
  const target = { width: 192, height: 128 }

  it('gives masks that are not empty and fit, at any size of the target', async () => {
    const source = sceneNegatives({ seed: 3 })
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.integer({ min: 16, max: 300 }),
        fc.integer({ min: 16, max: 300 }),
        async (key, width, height) => {
          const { image, mask } = await source.sample(random(key), { width, height })
          const [h, w] = mask.shape
          expect(image.shape).to.deep.equal([h, w, 3])
          expect(image.data.length).to.equal(3 * h * w)
          expect(mask.data.length).to.equal(h * w)
          expect(h).to.be.at.most(height)
          expect(w).to.be.at.most(width)
          expect(mask.data.every((value) => value === 0 || value === 1)).to.equal(true)
          expect(mask.data.includes(1)).to.equal(true)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('cuts the box to the mask', async () => {
    const source = sceneNegatives()
    for (let key = 0; key < 50; key++) {
      const { mask } = await source.sample(random(key), target)
      const [h, w] = mask.shape
      const row = (y: number) => mask.data.subarray(y * w, (y + 1) * w).includes(1)
      const column = (x: number) => mask.data.some((value, i) => value === 1 && i % w === x)
      expect(row(0) && row(h - 1) && column(0) && column(w - 1)).to.equal(true)
    }
  })

  it('depends on the stream and the seed, and on nothing else', async () => {
    const draw = async (seed: number, key: number) =>
      (await sceneNegatives({ seed }).sample(random(key), target)).image.data
    expect(Buffer.compare(await draw(1, 7), await draw(1, 7))).to.equal(0)
    expect(Buffer.compare(await draw(1, 7), await draw(2, 7))).to.not.equal(0)
    expect(Buffer.compare(await draw(1, 7), await draw(1, 8))).to.not.equal(0)
  })

  it('varies in size, colour and form', async () => {
    const source = sceneNegatives()
    const areas: number[] = []
    const tones: number[] = []
    for (let key = 0; key < 200; key++) {
      const { image, mask } = await source.sample(random(9, key), target)
      const inside = mask.data.reduce((sum, value) => sum + value, 0)
      areas.push(inside / PIXELS)
      tones.push(
        image.data.reduce((sum, value, i) => sum + value * mask.data[Math.floor(i / 3)], 0) / (3 * inside),
      )
    }
    areas.sort((a, b) => a - b)
    tones.sort((a, b) => a - b)
    expect(areas[20]).to.be.lessThan(0.008)
    expect(areas[180]).to.be.greaterThan(0.04)
    expect(areas[199]).to.be.lessThan(0.25)
    expect(tones[20]).to.be.lessThan(80)
    expect(tones[180]).to.be.greaterThan(150)
  })

  it('draws from a limited number of objects', async () => {
    const source = sceneNegatives({ length: 3, areaRange: [0.02, 0.02] })
    const seen = new Set<string>()
    for (let key = 0; key < 40; key++) {
      const { image } = await source.sample(random(4, key), target)
      seen.add(Buffer.from(image.data).toString('base64'))
    }
    expect(seen.size).to.equal(3)
  })

  it('keeps to the largest extents and to the area', async () => {
    const small = sceneNegatives({ width: 20, height: 12 })
    const large = sceneNegatives({ areaRange: [0.2, 0.25] })
    let mean = 0
    for (let key = 0; key < 30; key++) {
      const [h, w] = (await small.sample(random(key), target)).mask.shape
      expect(h).to.be.at.most(12)
      expect(w).to.be.at.most(20)
      mean +=
        (await large.sample(random(key), target)).mask.data.reduce((sum, value) => sum + value, 0) /
        PIXELS /
        30
    }
    expect(mean).to.be.within(0.08, 0.3)
  })

  it('names a bad option or target', async () => {
    expect(failure(() => sceneNegatives({ lenght: 1 } as never)).hint).to.contain('length')
    expect(failure(() => sceneNegatives({ areaRange: [0.2, 0.1] })).message).to.contain('areaRange')
    expect(failure(() => sceneNegatives({ areaRange: 0.1 as never })).message).to.contain('areaRange')
    const error = await sceneNegatives()
      .sample(random(0), { width: 8, height: 64 })
      .then(
        () => undefined,
        (reason) => reason,
      )
    expect(error).to.be.instanceOf(DenseHybridError)
    expect(error.message).to.contain('target.width')
  })
})
