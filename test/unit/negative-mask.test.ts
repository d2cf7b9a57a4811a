import { expect } from 'chai'
import fc from 'fast-check'
import {
  buildMask,
  drawRectangle,
  generatedPatchSizes,
  type MaskDraws,
  maskDraws,
  presentLabels,
  rectangleSizes,
} from '../../lib/negatives/mask.ts'
import { random } from '../../lib/random.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'

/** Replays listed draws and notes what was asked for. */
function listed(draws: number[]): MaskDraws & { asked: [string, unknown][] } {
  const asked: [string, unknown][] = []
  const next = (kind: string) => (from?: unknown) => {
    asked.push([kind, from])
    return draws.shift()!
  }
  return {
    asked,
    uniform: next('uniform'),
    size: next('size'),
    classId: next('class'),
    position: next('position'),
  }
}

const pixels = (mask: Tensor<Uint8Array>) => [...mask.data.keys()].filter((i) => mask.data[i] === 1)

describe('sizes of negatives', () => {
  it('are 16, 24, … below the limit for rectangles', () => {
    expect(rectangleSizes(15)).to.deep.equal([])
    expect(rectangleSizes(16)).to.deep.equal([])
    expect(rectangleSizes(17)).to.deep.equal([16])
    expect(rectangleSizes(24)).to.deep.equal([16])
    expect(rectangleSizes(25)).to.deep.equal([16, 24])
    expect(rectangleSizes(192)).to.have.length(22)
    expect(rectangleSizes(192).at(-1)).to.equal(184)
  })

  it('are 16, 24, … 216 for patches of the flow', () => {
    expect(generatedPatchSizes).to.have.length(26)
    expect(generatedPatchSizes[0]).to.equal(16)
    expect(generatedPatchSizes.at(-1)).to.equal(216)
    for (const size of generatedPatchSizes) expect(size % 8).to.equal(0)
  })
})

describe('buildMask', () => {
  const labels = tensor(
    Uint8Array.from({ length: 30 * 40 }, (_, i) => [3, 0, 255, 7][i % 4]),
    [30, 40],
  )

  it('draws width, height, row, column of a rectangle', () => {
    const draws = listed([0.49, 24, 16, 5, 7])
    const mask = buildMask(labels, draws)
    expect(draws.asked).to.deep.equal([
      ['uniform', undefined],
      ['size', [16, 24]],
      ['size', [16, 24]],
      ['position', 14],
      ['position', 16],
    ])
    const expected = Array.from({ length: 16 * 24 }, (_, i) => (5 + Math.floor(i / 24)) * 40 + 7 + (i % 24))
    expect(pixels(mask)).to.deep.equal(expected)
  })

  it('draws two labels with replacement from all that are present, ignored ones included', () => {
    const draws = listed([0.5, 7, 255])
    const mask = buildMask(labels, draws)
    expect(draws.asked.slice(1)).to.deep.equal([
      ['class', [0, 3, 7, 255]],
      ['class', [0, 3, 7, 255]],
    ])
    expect(pixels(mask)).to.deep.equal([...labels.data.keys()].filter((i) => i % 4 >= 2))
    expect(pixels(buildMask(labels, listed([0.9, 3, 3])))).to.have.length(300)
  })

  it('accepts 32-bit label maps', () => {
    const wide = tensor(
      Int32Array.from(labels.data, (label) => label * 1000),
      labels.shape,
    )
    expect(presentLabels(wide)).to.deep.equal([0, 3000, 7000, 255000])
    expect(pixels(buildMask(wide, listed([0.9, 7000, 0])))).to.have.length(600)
  })

  it('has a rectangle with probability one half', () => {
    const draws = maskDraws(random(4))
    const flat = tensor(new Uint8Array(400), [20, 20]) // segments of a flat map cover it
    let rectangles = 0
    for (let i = 0; i < 1000; i++) if (pixels(buildMask(flat, draws)).length < 400) rectangles++
    expect(rectangles).to.be.within(430, 570)
    const never = buildMask(flat, draws, { rectangleProbability: 0 })
    expect(pixels(never)).to.have.length(400)
  })

  it('keeps rectangles inside and reaches every edge', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 17, max: 60 }),
        fc.integer({ min: 17, max: 60 }),
        fc.nat(),
        (h, w, seed) => {
          const region = drawRectangle(h, w, maskDraws(random(seed)))
          expect(rectangleSizes(Math.min(h, w))).to.include.members([region.height, region.width])
          expect(region.top).to.be.within(0, h - region.height)
          expect(region.left).to.be.within(0, w - region.width)
        },
      ),
    )
    const rng = maskDraws(random(1))
    const tops = new Set(Array.from({ length: 200 }, () => drawRectangle(18, 17, rng).top))
    expect([...tops].sort()).to.deep.equal([0, 1, 2])
  })

  it('rejects images in which no rectangle fits', () => {
    expect(() => drawRectangle(16, 100, maskDraws(random(0))))
      .to.throw(/100×16/)
      .with.property('code', 'EMPTY')
  })
})
