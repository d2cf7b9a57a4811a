import { expect } from 'chai'
import fc from 'fast-check'
import { confusionCsv } from '../../lib/evaluation/export.ts'
import { OpenSetMetrics } from '../../lib/evaluation/open-set.ts'
import { OpenSetSweep } from '../../lib/evaluation/open-set-sweep.ts'

type Pixel = [label: number, closed: number, score: number]

const KNOWN = 3
const imageOf = (pixels: Pixel[]) => ({
  labels: Uint8Array.from(pixels, ([label]) => label),
  closed: Uint8Array.from(pixels, ([, closed]) => closed),
  scores: Float32Array.from(pixels, ([, , score]) => score),
})

/** The same through OpenSetMetrics. */
function direct(images: Pixel[][], threshold: number, absent: 'skip' | 'zero') {
  const metrics = new OpenSetMetrics({ classes: KNOWN, absent })
  for (const pixels of images) {
    const { labels, closed, scores } = imageOf(pixels)
    metrics.add({ labels, closed, open: closed.map((k, i) => (scores[i] > threshold ? KNOWN : k)) })
  }
  return metrics.result()
}

const levels = [-Infinity, -1, -0, 0, 0.1, Math.fround(0.1), 0.5, 1, Infinity]
const level = fc.oneof(fc.constantFrom(...levels), fc.double({ noNaN: true }))
const pixel = fc.oneof(
  fc.tuple(fc.constantFrom(0, 1, 2, 254), fc.integer({ min: 0, max: 2 }), level),
  fc.tuple(fc.constant(255), fc.constantFrom(0, 77), fc.constantFrom(Number.NaN, 0)),
)

describe('OpenSetSweep', () => {
  it('is OpenSetMetrics at every threshold, whatever their order and ties, and merges', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(pixel, { maxLength: 30 }), { minLength: 1, maxLength: 4 }),
        fc.array(level, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('skip' as const, 'zero' as const),
        (images, thresholds, absent) => {
          const options = { classes: KNOWN, thresholds, absent }
          const sweep = new OpenSetSweep(options)
          const parts = [new OpenSetSweep(options), new OpenSetSweep(options)]
          for (const [i, pixels] of images.entries()) {
            sweep.add(imageOf(pixels))
            parts[i % 2].add(imageOf(pixels))
          }
          const points = sweep.result()
          expect(points.map(({ threshold }) => threshold)).to.deep.equal(thresholds)
          for (const { threshold, tpr, fpr, ...result } of points) {
            expect(result).to.deep.equal(direct(images, threshold, absent))
            const rate = (isKind: (label: number) => boolean) => {
              const all = images.flat().filter(([label]) => isKind(label))
              return all.filter(([, , score]) => Math.fround(score) > threshold).length / all.length
            }
            expect(tpr).to.deep.equal(rate((label) => label === 254))
            expect(fpr).to.deep.equal(rate((label) => label < 254))
          }
          expect(parts[0].merge(parts[1]).result()).to.deep.equal(points)
        },
      ),
    )
  })

  it('refuses what is wrong by name, and keeps nothing of that image', () => {
    const sweep = new OpenSetSweep({ classes: KNOWN, thresholds: [0] })
    const before = sweep.result()
    const add = (label: number, closed: number, score: number) => () =>
      sweep.add(
        imageOf([
          [0, 0, 1],
          [label, closed, score],
        ]),
        'x',
      )
    expect(add(3, 0, 0)).to.throw(
      'Value 3 in labels at pixel 1 of image "x" is out of range: expected 0 to 2',
    )
    expect(add(254, 3, 0)).to.throw('Value 3 in closed at pixel 1')
    expect(add(254, 0, Number.NaN))
      .to.throw('Value NaN in scores at pixel 1 of image "x"')
      .with.property('code', 'NON_FINITE')
    expect(() => sweep.add({ ...imageOf([[0, 0, 0]]), scores: new Float32Array(2) }, 'x')).to.throw(
      'Sizes differ',
    )
    expect(sweep.result()).to.deep.equal(before)
    for (const thresholds of [[], [Number.NaN], 3])
      expect(() => new OpenSetSweep({ classes: KNOWN, thresholds: thresholds as number[] })).to.throw(
        'options.thresholds',
      )
    expect(() => new OpenSetSweep({ classes: 254, thresholds: Array(3000).fill(0) })).to.throw(
      'thresholds with 254 classes',
    )
    expect(() => sweep.merge(sweep)).to.throw('other')
    expect(() => sweep.merge(new OpenSetSweep({ classes: KNOWN, thresholds: [1] }))).to.throw(
      'same thresholds',
    )
    expect(() => sweep.merge(new OpenSetSweep({ classes: 2, thresholds: [0] }))).to.throw('classes')
  })
})

describe('confusionCsv', () => {
  const names = ['road', 'a "b", c']
  it('writes counts, or shares of the row, with names quoted', () => {
    const matrix = [
      [3, 1],
      [0, 0],
    ]
    expect(confusionCsv(matrix, names)).to.equal('truth,road,"a ""b"", c"\nroad,3,1\n"a ""b"", c",0,0\n')
    expect(confusionCsv(matrix, names, { normalised: true })).to.equal(
      'truth,road,"a ""b"", c"\nroad,0.75,0.25\n"a ""b"", c",,\n',
    )
  })

  it('refuses a matrix that is not square and names that are too few', () => {
    expect(() => confusionCsv([[1, 2]], ['road'])).to.throw('matrix[0]')
    expect(() => confusionCsv([[1]], names)).to.throw('names')
    expect(() => confusionCsv([], [])).to.throw('matrix')
  })
})
