import { expect } from 'chai'
import fc from 'fast-check'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { scoreHistogram } from '../../lib/evaluation/histogram.ts'
import { thrown } from '../support/image-files.ts'

function curveOf(scores: readonly number[], target: readonly number[]) {
  return new AnomalyMetrics().add(new Float32Array(scores), new Uint8Array(target)).curve()
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
const score = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ min: -2, max: 2, noNaN: true }),
  fc.constantFrom(0, 1, 0.5),
)
const pixels = fc.array(fc.tuple(score, fc.constantFrom(0, 0, 1)), { minLength: 1, maxLength: 60 })

describe('scoreHistogram', () => {
  it('counts each class by hand', () => {
    const curve = curveOf([0, 0.1, 0.25, 0.5, 0.99, 1, 1], [0, 0, 0, 1, 1, 1, 0])
    expect(scoreHistogram(curve, { bins: 4 })).to.deep.equal({
      edges: [0, 0.25, 0.5, 0.75, 1],
      inliers: [2, 1, 0, 1],
      anomalies: [0, 0, 1, 2],
      minimum: 0,
      maximum: 1,
      beyond: 0,
    })
  })

  it('spans robust quantiles, with the tails in the end bins', () => {
    // 2000 inliers 0 … 1999; one of 10 anomalies and one inlier are far off.
    const scores = [...Array.from({ length: 2000 }, (_, i) => i), 1e9, ...Array(9).fill(3000), -1e9]
    const target = scores.map((_, i) => (i >= 2000 && i < 2010 ? 1 : 0))
    const { edges, inliers, anomalies, minimum, maximum, beyond } = scoreHistogram(curveOf(scores, target))
    // An anomaly is more than 0.1 % of its class, so it spans the bins; of 2001 inliers 2 are left out at each end.
    expect([edges[0], edges.at(-1)]).to.deep.equal([1, 1e9])
    expect([minimum, maximum]).to.deep.equal([-1e9, 1e9])
    expect(beyond).to.equal(2)
    expect([sum(inliers), sum(anomalies)]).to.deep.equal([2001, 10])
    expect(anomalies.at(-1)).to.equal(1)

    const negated = scoreHistogram(
      curveOf(
        scores.map((value) => -value),
        target,
      ),
    )
    expect([negated.edges[0], negated.edges.at(-1), negated.beyond]).to.deep.equal([-1e9, -1, 2])
    expect([negated.inliers.at(-1), sum(negated.inliers)]).to.deep.equal([2001, 2001])
  })

  it('counts a score on an edge in the bin above, where division puts it below', () => {
    // An edge that is a float32: (edge − low) / width is rounded to just below 7.
    const range = [0.36104846000671387, 2.2828750610351562] as const
    const { edges, inliers } = scoreHistogram(curveOf([1.321961760520935], [0]), { bins: 14, range })
    expect(edges[7]).to.equal(1.321961760520935)
    expect(inliers.indexOf(1)).to.equal(7)
  })

  it('has every pixel in the bin of its score', () => {
    fc.assert(
      fc.property(pixels, fc.integer({ min: 1, max: 30 }), (list, bins) => {
        const curve = curveOf(
          list.map(([value]) => value),
          list.map(([, label]) => label),
        )
        const { edges, inliers, anomalies, beyond } = scoreHistogram(curve, { bins, tail: 0.1 })
        expect(edges).to.have.length(bins + 1)
        for (let i = 0; i < bins; i++) expect(edges[i]).to.be.at.most(edges[i + 1])
        const expected = [new Array(bins).fill(0), new Array(bins).fill(0)]
        let outside = 0
        for (const [value, label] of list) {
          const rounded = Math.fround(value)
          const above = edges.slice(1, -1).filter((edge) => rounded >= edge).length
          expected[label][above]++
          if (rounded < edges[0] || rounded > edges[bins]) outside++
        }
        expect([inliers, anomalies]).to.deep.equal(expected)
        expect(beyond).to.equal(outside)
      }),
    )
  })

  it('takes a range of its own', () => {
    const { edges, inliers, beyond } = scoreHistogram(curveOf([-5, 0.5, 5], [0, 0, 0]), {
      bins: 2,
      range: [0, 1],
    })
    expect(edges).to.deep.equal([0, 0.5, 1])
    expect(inliers).to.deep.equal([1, 2])
    expect(beyond).to.equal(2)
  })

  it('takes one score, however large, and no pixel at all', () => {
    for (const value of [0, 7, -3e38, 3e38, 1e-40]) {
      const { edges, inliers } = scoreHistogram(curveOf([value, value], [0, 0]), { bins: 3 })
      expect(edges[0]).to.be.below(Math.fround(value)).and.below(edges[3])
      expect(inliers).to.deep.equal([0, 2, 0])
    }
    const empty = scoreHistogram(new AnomalyMetrics().curve())
    expect(empty).to.deep.include({ edges: [], inliers: [], anomalies: [], beyond: 0 })
    expect(empty.reason).to.match(/no valid pixel/)
    expect(empty.minimum).to.be.NaN
  })

  it('names what is wrong', () => {
    const curve = curveOf([0, 1], [0, 1])
    const message = (action: () => unknown) => thrown(action, 'INVALID_ARGUMENT').message
    expect(message(() => scoreHistogram(curve, { bins: 0 }))).to.contain('options.bins')
    expect(message(() => scoreHistogram(curve, { tail: 0.5 }))).to.contain('options.tail')
    expect(message(() => scoreHistogram(curve, { range: [1, 1] }))).to.contain('low < high')
    expect(message(() => scoreHistogram(curve, { range: [NaN, 1] }))).to.contain('options.range[0]')
    expect(message(() => scoreHistogram(curve, { bin: 3 } as never))).to.contain('Unknown option "bin"')
    expect(message(() => scoreHistogram({} as never))).to.contain('for curve')
  })
})
