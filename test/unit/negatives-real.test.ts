import { expect } from 'chai'
import { type Dataset, IGNORE_LABEL } from '../../lib/data/dataset.ts'
import { rectangleSizes } from '../../lib/negatives/mask.ts'
import { type RealNegativesOptions, real } from '../../lib/negatives/real.ts'
import type { Negative } from '../../lib/negatives/types.ts'
import { random } from '../../lib/random.ts'
import { datasetOf, rejection } from '../support/encoded-pictures.ts'
import {
  area,
  CLASSES,
  draw,
  labelOf,
  picture,
  pictures,
  SIDE,
  shown,
  target,
  toys,
} from '../support/negative-pictures.ts'

describe('negatives.real: rectangles', () => {
  it('have sides from {16, 24, …, < side of the crop} and show the image as it is', async () => {
    const sizes = rectangleSizes(SIDE)
    const seen = new Set<number>()
    for (const negative of await draw(toys(), { modes: ['rectangle'], cropSize: SIDE }, 60)) {
      const [height, width] = negative.mask.shape
      expect(negative.image.shape).to.deep.equal([height, width, 3])
      expect(sizes).to.include.members([height, width])
      expect(area(negative)).to.equal(height * width)
      expect(shown(negative).images.size).to.equal(1)
      for (const label of shown(negative).labels) expect([...CLASSES.keys(), IGNORE_LABEL]).to.include(label)
      seen.add(height)
    }
    expect(seen.size).to.equal(sizes.length)
  })

  it('come from crops of half the short side of the target by default, never larger than the target', async () => {
    for (const negative of await draw(toys(), { modes: ['rectangle'] }, 30, { height: 300, width: 100 })) {
      expect(Math.max(...negative.mask.shape)).to.be.below(50)
    }
    for (const negative of await draw(toys(), { modes: ['rectangle'], cropSize: 64 }, 10, {
      height: 20,
      width: 30,
    })) {
      expect(negative.mask.shape).to.deep.equal([16, 16])
    }
  })
})

describe('negatives.real: segments', () => {
  it('are all pixels of one or two classes of the crop, and nothing without a class', async () => {
    const counts = new Set<number>()
    for (const negative of await draw(toys(), { modes: ['segments'], cropSize: SIDE }, 60)) {
      const { labels, images } = shown(negative)
      expect([...labels]).not.to.include(IGNORE_LABEL)
      expect(images.size).to.equal(1)
      counts.add(labels.size)
      // every pixel of these classes is pasted: the negative is its objects' bounding box
      expect(area(negative)).to.equal(24 * 24 * labels.size)
    }
    expect([...counts].sort()).to.deep.equal([1, 2])
  })

  it('take turns with rectangles', async () => {
    const isRectangle = (negative: Negative) => shown(negative).labels.has(IGNORE_LABEL)
    const share = async (options: RealNegativesOptions) =>
      (await draw(toys(), { cropSize: SIDE, ...options }, 150)).filter(isRectangle).length / 150
    expect(await share({ rectangleProbability: 0 })).to.equal(0)
    const certain = await share({ rectangleProbability: 1 })
    expect((await share({})) / certain).to.be.within(0.35, 0.65)
  })
})

describe('negatives.real: instances', () => {
  const instance = { modes: ['instance'] } as const

  it('have an area within areaRange of the target by the square-root rule', async () => {
    const pixels = target.height * target.width
    const shares = (await draw(toys(), instance, 80)).map((negative) => area(negative) / pixels)
    expect(Math.min(...shares)).to.be.within(0.009, 0.03)
    expect(Math.max(...shares)).to.be.within(0.12, 0.16)
    const fixed = await draw(toys(), { ...instance, areaRange: [0.04, 0.04] }, 10)
    for (const negative of fixed) expect(area(negative) / pixels).to.be.closeTo(0.04, 0.003)
  })

  it('show one object: all of it and nothing else', async () => {
    for (const negative of await draw(toys(), instance, 20)) {
      const [height, width] = negative.mask.shape
      expect(Math.abs(height - width)).to.be.at.most(1)
      expect(area(negative)).to.equal(height * width)
      const inner = new Set<number>()
      for (let y = 3; y < height - 3; y++) {
        for (let x = 3; x < width - 3; x++)
          inner.add(Math.round((negative.image.data[(y * width + x) * 3] - 20) / 30))
      }
      expect(inner.size).to.equal(1)
    }
  })

  it('are limited to the size of the target', async () => {
    const long = picture(0, [])
    for (let i = 0; i < 240; i++) {
      const at = Math.floor(i / 60) * SIDE + (i % 60)
      long.labels.data[at] = 2
      long.instances!.data[at] = 1
    }
    const options = { ...instance, areaRange: [0.5, 0.5], minArea: 100 } as const
    const [negative] = await draw(datasetOf([long], CLASSES), options, 1, { height: 40, width: 40 })
    expect(negative.mask.shape).to.deep.equal([3, 40])
  })

  it('need minArea pixels and a class that most of their pixels have', async () => {
    const dataset = datasetOf([picture(0, [1, 2])], CLASSES)
    expect((await rejection(draw(dataset, { ...instance, minArea: 577 }, 1))).message).to.match(
      /no usable instance \(2 instances.*577 pixels/,
    )
    expect(await draw(dataset, { ...instance, minArea: 576 }, 1)).to.have.length(1)
    // two thirds of instance 1 become "cup": skipping "cup" leaves instance 2 ("cup") and 1 out
    const { labels, instances } = await dataset.item(0)
    for (let i = 0; i < labels.data.length; i++) if (instances!.data[i] === 1 && i % 3 > 0) labels.data[i] = 2
    const error = await rejection(
      draw(datasetOf([await dataset.item(0)], CLASSES), { ...instance, skipClasses: ['cup'] }, 1),
    )
    expect(error.code).to.equal('EMPTY')
    expect(error.hint).to.match(/minArea/)
  })

  it('ask for instance maps', async () => {
    const samples = pictures.map(({ instances: _, ...sample }) => sample)
    const error = await rejection(draw(datasetOf(samples, CLASSES), instance, 1))
    expect(error.code).to.equal('EMPTY')
    expect(error.hint).to.match(/instance maps/)
  })
})

describe('negatives.real: what must not be pasted', () => {
  const modes = ['rectangle', 'segments', 'instance'] as const

  for (const mode of modes) {
    it(`${mode}: no pixel of skipped classes or crowds`, async () => {
      const skipClasses = ['person', 'car', 'zebra']
      // the area range keeps instances at their size, so that colours are exact
      const areaRange = [576 / (128 * 160), 576 / (128 * 160)] as const
      const options = { modes: [mode], skipClasses, cropSize: SIDE, areaRange }
      const labels = new Set<number>()
      for (const negative of await draw(toys(), options, 80)) {
        const found = shown(negative)
        for (const label of found.labels) labels.add(label)
        expect(found.crowd).to.equal(false)
      }
      labels.delete(IGNORE_LABEL)
      expect([...labels].sort()).to.deep.equal([2, 4, 5])
    })

    it(`${mode}: halves share no image and no category`, async () => {
      const areaRange = [576 / (128 * 160), 576 / (128 * 160)] as const
      const halves = []
      for (const half of ['a', 'b'] as const) {
        const found = { labels: new Set<number>(), images: new Set<number>() }
        for (const negative of await draw(toys(), { modes: [mode], half, cropSize: SIDE, areaRange }, 80)) {
          const { labels, images, crowd } = shown(negative)
          for (const label of labels) if (label !== IGNORE_LABEL) found.labels.add(label)
          for (const image of images) found.images.add(image)
          expect(crowd).to.equal(false)
        }
        halves.push(found)
      }
      const [a, b] = halves
      // sorted by name: apple, boat, car, cup, person, zebra
      expect([...a.labels].sort()).to.deep.equal(['car', 'apple', 'person'].map(labelOf).sort())
      expect([...b.labels].sort()).to.deep.equal(['zebra', 'boat', 'cup'].map(labelOf).sort())
      for (const image of a.images) expect(image % 2).to.equal(0)
      for (const image of b.images) expect(image % 2).to.equal(1)
      expect(Math.min(a.images.size, b.images.size)).to.be.above(3)
    })
  }

  it('rectangles may show crowds when nothing is skipped', async () => {
    const negatives = await draw(toys(), { modes: ['rectangle'], cropSize: SIDE }, 40)
    expect(negatives.some((negative) => shown(negative).crowd)).to.equal(true)
  })

  it('images without anything to paste are passed over, and EMPTY says so when there is no other', async () => {
    const people = Array.from({ length: 20 }, (_, k) => picture(k, [1, 1, 1, 1]))
    const one = picture(7, [1, 1, 1, 2])
    const options = { modes: ['segments'], skipClasses: ['person'], cropSize: SIDE } as const
    for (const negative of await draw(datasetOf([...people, one], CLASSES), options, 5)) {
      expect([...shown(negative).labels]).to.deep.equal([2])
    }
    const error = await rejection(draw(datasetOf(people, CLASSES, 'people'), options, 1))
    expect(error.code).to.equal('EMPTY')
    expect(error.message).to.match(/people.*none of its 20 images gives segments/)
    expect(error.hint).to.match(/Skip fewer classes/)
  })
})

describe('negatives.real', () => {
  const all = { modes: ['rectangle', 'segments', 'instance'], skipClasses: ['person'] } as const

  it('gives the same negative for the same stream, whatever was drawn before', async () => {
    const fresh = await draw(toys(), all, 12)
    const used = real(toys(), all)
    for (let seed = 0; seed < 12; seed += 3) await used.sample(random(seed, 99), target)
    for (let seed = 11; seed >= 0; seed--) {
      expect(await used.sample(random(seed), target), `seed ${seed}`).to.deep.equal(fresh[seed])
    }
    expect(new Set(fresh.map((negative) => negative.image.data.join())).size).to.be.above(8)
  })

  it('reads one image a negative, and every image once for the list of instances', async () => {
    const dataset = toys()
    const reads: number[] = []
    const counted: Dataset = {
      ...dataset,
      item: (index) => {
        reads.push(index)
        return dataset.item(index)
      },
    }
    const progress: [number, number][] = []
    const source = real(counted, { modes: ['instance'] })
    const other = real(counted, { modes: ['instance'], half: 'b' })
    await Promise.all([
      source.prepare({ onProgress: (done, total) => progress.push([done, total]) }),
      other.prepare(),
    ])
    expect(reads.sort((a, b) => a - b)).to.deep.equal([...pictures.keys()])
    expect(progress).to.deep.equal(pictures.map((_, k) => [k + 1, 12]))
    await source.sample(random(1), target)
    await other.sample(random(1), target)
    expect(reads).to.have.length(14)
    await real(counted, { modes: ['rectangle'] }).sample(random(1), target)
    expect(reads).to.have.length(15)
  })

  it('can be aborted while it lists instances, and goes on for others', async () => {
    const dataset = toys()
    const slow: Dataset = {
      ...dataset,
      item: (index) => new Promise((resolve) => setTimeout(() => resolve(pictures[index]), 4)),
    }
    const source = real(slow, { modes: ['instance'] })
    const first = new AbortController()
    const [aborted, waiting] = [source.prepare({ signal: first.signal }), source.prepare()]
    setTimeout(() => first.abort(), 5)
    expect((await rejection(aborted)).code).to.equal('ABORTED')
    await waiting
    const alone = real({ ...slow }, { modes: ['instance'] })
    expect((await rejection(alone.prepare({ signal: AbortSignal.timeout(5) }))).code).to.equal('ABORTED')
    await alone.prepare()
    expect((await rejection(source.sample(random(0), target, { signal: first.signal }))).code).to.equal(
      'ABORTED',
    )
  })

  it('passes on the error of an image that cannot be read, and tries again later', async () => {
    let broken = true
    const dataset = toys()
    const flaky: Dataset = {
      ...dataset,
      item: (index) =>
        broken && index === 5 ? Promise.reject(new Error('n5 is truncated')) : dataset.item(index),
    }
    const source = real(flaky, { modes: ['instance'] })
    expect((await rejection(source.sample(random(0), target))).message).to.equal('n5 is truncated')
    broken = false
    expect(area(await source.sample(random(0), target))).to.be.above(0)
  })

  it('names itself, and takes rectangles alone where there are no classes', () => {
    expect(real(toys()).name).to.equal('toys (rectangle + segments)')
    expect(real(toys(), { modes: ['instance'], half: 'b' }).name).to.equal('toys (instance, half b)')
    expect(real(datasetOf(pictures, [], 'photos')).name).to.equal('photos (rectangle)')
  })

  it('refuses wrong options, naming what is meant', async () => {
    const make = (options: object) => () => real(toys(), options)
    const hint = (options: object) => {
      try {
        make(options)()
      } catch (error) {
        return (error as { hint?: string }).hint
      }
    }
    expect(hint({ skipClases: [] })).to.match(/skipClasses/)
    expect(hint({ skipClasses: ['persom'] })).to.match(/person/)
    expect(hint({ modes: ['instances'] })).to.match(/instance/)
    expect(make({ modes: [] })).to.throw(/modes/)
    expect(make({ half: 'c' })).to.throw(/half/)
    expect(make({ areaRange: [0.2, 0.1] })).to.throw(/areaRange/)
    expect(make({ areaRange: [0.1, 2] })).to.throw(/areaRange/)
    expect(make({ cropSize: 16 })).to.throw(/cropSize/)
    expect(make({ minArea: 0 })).to.throw(/minArea/)
    expect(make({ rectangleProbability: 1.5 })).to.throw(/rectangleProbability/)
    expect(() => real(datasetOf(pictures, []), { modes: ['segments'] })).to.throw(/modes/)
    expect(() => real(datasetOf([], CLASSES)))
      .to.throw(/no images/)
      .with.property('code', 'EMPTY')
    const tiny = await rejection(
      real(toys(), { modes: ['rectangle'] }).sample(random(0), { height: 16, width: 90 }),
    )
    expect(tiny.code).to.equal('EMPTY')
    expect(tiny.message).to.match(/toys.*90×16/)
  })
})
