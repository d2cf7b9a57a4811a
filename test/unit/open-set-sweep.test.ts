import { expect } from 'chai'
import fc from 'fast-check'
import { OpenSetMetrics } from '../../lib/evaluation/open-set.ts'
import { OpenSetSweep } from '../../lib/evaluation/open-set-sweep.ts'

const K = 3
const score = fc.oneof(fc.constantFrom(-1, 0, 0.5, Math.fround(0.1)), fc.float({ noNaN: true }))
const pixel = fc.tuple(fc.constantFrom(0, 1, 2, 254, 255), fc.nat(K - 1), score)
const threshold = fc.oneof(fc.constantFrom(-Infinity, -1, 0, 0.1, 0.5, Infinity), fc.double({ noNaN: true }))

function image(pixels: [number, number, number][]) {
  return {
    labels: Uint8Array.from(pixels, ([label]) => label),
    closed: Uint8Array.from(pixels, ([, closed]) => closed),
    scores: Float32Array.from(pixels, ([, , value]) => value),
  }
}

describe('OpenSetSweep', () => {
  it('is OpenSetMetrics at every threshold', () => {
    fc.assert(
      fc.property(
        fc.array(pixel, { maxLength: 60 }),
        fc.array(threshold, { minLength: 1, maxLength: 6 }),
        fc.constantFrom<'skip' | 'zero'>('skip', 'zero'),
        (pixels, thresholds, absent) => {
          const { labels, closed, scores } = image(pixels)
          const points = new OpenSetSweep({ classes: K, thresholds, absent })
            .add({ labels, closed, scores })
            .result()
          expect(points.map((point) => point.threshold)).to.deep.equal(
            [...new Set(thresholds)].sort((a, b) => a - b),
          )
          for (const point of points) {
            const open = closed.map((label, i) => (scores[i] > point.threshold ? K : label))
            const direct = new OpenSetMetrics({ classes: K, absent }).add({ labels, closed, open }).result()
            expect(point.openMIoU).to.deep.equal(direct.openMIoU)
            expect(point.unknownIoU).to.deep.equal(direct.unknownIoU)
            expect(point.perClass).to.deep.equal(direct.perClass.map((entry) => entry.open))
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('merges to what one sweep counts', () => {
    const first = image([
      [0, 0, 1],
      [254, 1, 3],
    ])
    const second = image([
      [1, 1, 0],
      [2, 0, 2],
    ])
    const sweep = () => new OpenSetSweep({ classes: K, thresholds: [0, 2] })
    expect(sweep().add(first).merge(sweep().add(second)).result()).to.deep.equal(
      sweep().add(first).add(second).result(),
    )
    expect(() => sweep().merge(new OpenSetSweep({ classes: K, thresholds: [1] }))).to.throw(
      'the same classes',
    )
  })

  it('refuses NaN and labels out of range by image, and keeps nothing of it', () => {
    const sweep = new OpenSetSweep({ classes: K, thresholds: [0] })
    expect(() => sweep.add(image([[0, 0, Number.NaN]]), 'a')).to.throw('pixel 0 of image "a" is NaN')
    expect(() => sweep.add(image([[0, 3, 0]]), 'a')).to.throw('Value 3 in closed at pixel 0 of image "a"')
    expect(() => sweep.add(image([[3, 0, 0]]), 'a')).to.throw('Value 3 in labels')
    sweep.add(image([[255, 9, Number.NaN]]))
    expect(sweep.result()[0].openMIoU).to.be.NaN
    expect(() => new OpenSetSweep({ classes: K, thresholds: [] })).to.throw('one or more numbers')
    expect(() => new OpenSetSweep({ classes: K, thresholds: [Number.NaN] })).to.throw('thresholds')
  })
})
