import { expect } from 'chai'
import fc from 'fast-check'
import { AnomalyMetrics, type AnomalyMetricsOptions } from '../../lib/evaluation/anomaly.ts'
import type { FprConvention } from '../../lib/evaluation/operating-point.ts'
import { bitsOfScores, keyFromBits, scoresFromKeys, sortKeys } from '../../lib/evaluation/score-keys.ts'

type Pixel = [score: number, target: number]

function metricsOf(pixels: Pixel[], options: AnomalyMetricsOptions = {}): AnomalyMetrics {
  const scores = new Float32Array(pixels.map(([score]) => score))
  return new AnomalyMetrics(options).add(scores, new Uint8Array(pixels.map(([, target]) => target)))
}

const finiteFloat = fc.float({ noNaN: true, noDefaultInfinity: true })
/** Few distinct values, so that ties are the rule. */
const tiedScore = fc.oneof(fc.constantFrom(-0, 0, 0.5, -0.5, 1.401298464324817e-45), finiteFloat)
const pixelList = fc.array(fc.tuple(tiedScore, fc.constantFrom(0, 0, 0, 1, 1, 2, 255)), { maxLength: 40 })
/** At least one anomaly and one inlier pixel. */
const bothClasses = fc
  .tuple(pixelList, tiedScore, tiedScore)
  .map(([pixels, positive, negative]): Pixel[] => [...pixels, [positive, 1], [negative, 0]])

describe('AnomalyMetrics', () => {
  it('computes AP, AUROC and FPR by hand', () => {
    const result = metricsOf([
      [0.9, 1],
      [0.4, 0],
      [0.2, 1],
      [0.1, 0],
      [5, 255],
      [7, 2],
    ]).result()
    expect(result).to.deep.equal({
      ap: (1 * 1 + 1 * (2 / 3)) / 2,
      auroc: 3 / 4,
      fpr: 1 / 2,
      fprByConvention: { a: 1 / 2, b: 1 / 2, c: 1 / 2, d: 1 / 2, e: 1 / 2, f: 1 / 2 },
      convention: 'a',
      targetTpr: 0.95,
      tpr: 1,
      threshold: Math.fround(0.2),
      positives: 2,
      negatives: 2,
      ignored: 2,
      nonFinite: 0,
      images: 1,
    })
  })

  it('makes one threshold of equal scores, −0 and +0 among them, and none of neighbouring denormals', () => {
    const tied = metricsOf([
      [-0, 1],
      [0, 0],
      [0, 1],
      [-0, 0],
    ])
    expect(tied.result()).to.include({ ap: 0.5, auroc: 0.5, fpr: 1 })
    expect(tied.curve().thresholds).to.have.length(1)
    const denormal = 1.401298464324817e-45
    const distinct = metricsOf([
      [2 * denormal, 1],
      [denormal, 0],
      [0, 0],
      [-denormal, 0],
    ])
    expect(distinct.result()).to.include({ ap: 1, auroc: 1, fpr: 0 })
    expect([...distinct.curve().thresholds]).to.deep.equal([2 * denormal, denormal, 0, -denormal])
  })

  it('gives the curve in descending order with exact counts', () => {
    const curve = metricsOf([
      [1, 0],
      [3, 1],
      [2, 1],
      [2, 0],
      [2, 0],
    ]).curve()
    expect([...curve.thresholds]).to.deep.equal([3, 2, 1])
    expect([...curve.tp]).to.deep.equal([1, 2, 2])
    expect([...curve.fp]).to.deep.equal([0, 2, 3])
    expect([curve.positives, curve.negatives]).to.deep.equal([2, 3])
  })

  describe('conventions', () => {
    const at = (pixels: Pixel[], convention: FprConvention, tpr = 0.95) => {
      const { fpr, threshold } = metricsOf(pixels, { convention, tpr }).result()
      return { fpr, threshold }
    }

    it('a is strict and b, c are not, where the target is hit exactly', () => {
      // Anomalies 4, 3, 2, 1 with an inlier between each: TPR 1/4 … 1, exactly 1/2 at score 3.
      const pixels: Pixel[] = [4, 3, 2, 1].flatMap((score): Pixel[] => [
        [score, 1],
        [score - 0.5, 0],
      ])
      expect(at(pixels, 'a', 0.5)).to.deep.equal({ fpr: 0.5, threshold: 2 })
      expect(at(pixels, 'b', 0.5)).to.deep.equal({ fpr: 0.25, threshold: 3 })
      expect(at(pixels, 'c', 0.5)).to.deep.equal({ fpr: 0.25, threshold: 3 })
      // d takes the last of the points with TPR 1/2, e the last of the nearest.
      expect(at(pixels, 'd', 0.5)).to.deep.equal({ fpr: 0.5, threshold: Number.NaN })
      expect(at(pixels, 'e', 0.5)).to.deep.equal({ fpr: 0.5, threshold: 2.5 })
    })

    it('a and b pass over dropped points, c does not, d interpolates', () => {
      // Every score holds one anomaly and one inlier: a straight line of ten points, all but the ends dropped.
      const pixels = Array.from({ length: 10 }, (_, i) => i).flatMap((score): Pixel[] => [
        [score, 1],
        [score, 0],
      ])
      expect(at(pixels, 'a', 0.55)).to.deep.equal({ fpr: 1, threshold: 0 })
      expect(at(pixels, 'b', 0.55)).to.deep.equal({ fpr: 1, threshold: 0 })
      expect(at(pixels, 'c', 0.55)).to.deep.equal({ fpr: 0.6, threshold: 4 })
      expect(at(pixels, 'd', 0.55).fpr).to.be.closeTo(0.55, 1e-15)
      expect(at(pixels, 'e', 0.58)).to.deep.equal({ fpr: 0.6, threshold: 4 })
      expect(at(pixels, 'e', 0.53)).to.deep.equal({ fpr: 0.5, threshold: 5 })
    })

    it('d interpolates from (0, 0)', () => {
      expect(
        at(
          [
            [1, 1],
            [1, 0],
          ],
          'd',
          0.25,
        ).fpr,
      ).to.equal(0.25)
    })

    it('e looks no further than the first full recall', () => {
      expect(
        at(
          [
            [3, 1],
            [2, 0],
            [1, 0],
          ],
          'e',
          0.95,
        ),
      ).to.deep.equal({ fpr: 0, threshold: 3 })
    })

    it('f squeezes scores outside of [0, 1] through a float32 sigmoid, which makes saturated ones equal', () => {
      const pixels: Pixel[] = [
        [60, 1],
        [50, 0],
        [40, 1],
        [1, 0],
      ]
      expect(at(pixels, 'c', 0.5)).to.deep.equal({ fpr: 0, threshold: 60 })
      expect(at(pixels, 'f', 0.5)).to.deep.equal({ fpr: 0.5, threshold: 40 })
      const within = pixels.map(([score, target]): Pixel => [score / 64, target])
      expect(at(within, 'f', 0.5)).to.deep.equal({ fpr: 0, threshold: 60 / 64 })
    })

    it('names the convention and refuses an unknown one or an impossible target', () => {
      expect(metricsOf([[1, 1]], { convention: 'c' }).result().convention).to.equal('c')
      expect(() => new AnomalyMetrics({ convention: 'g' as never })).to.throw('one of a, b, c, d, e, f')
      expect(() => new AnomalyMetrics({ tpr: 1 })).to.throw('a rate below 1 with convention a')
      expect(() => new AnomalyMetrics({ tpr: 1, convention: 'b' })).not.to.throw()
      expect(() => new AnomalyMetrics({ tpr: 0 })).to.throw('options.tpr')
      expect(() => new AnomalyMetrics({ tpr: 95 })).to.throw('options.tpr')
      expect(() => new AnomalyMetrics({ convetion: 'a' } as never)).to.throw('Unknown option "convetion"')
    })
  })

  describe('degenerate sets', () => {
    const cases: [string, Pixel[], RegExp, Partial<Record<'ap' | 'auroc' | 'fpr' | 'tpr', number>>][] = [
      ['nothing', [], /no valid pixel/, { ap: NaN, auroc: NaN, fpr: NaN, tpr: NaN }],
      ['ignored pixels only', [[1, 255]], /no valid pixel/, { ap: NaN, auroc: NaN, fpr: NaN, tpr: NaN }],
      ['inlier pixels only', [[1, 0]], /no anomaly pixel/, { ap: NaN, auroc: NaN, fpr: NaN, tpr: NaN }],
      ['anomaly pixels only', [[1, 1]], /no inlier pixel/, { ap: 1, auroc: NaN, fpr: NaN, tpr: 1 }],
    ]
    for (const [name, pixels, reason, values] of cases) {
      it(`${name}: NaN with a reason, or an error when strict`, () => {
        for (const convention of ['a', 'b', 'c', 'e'] as const) {
          const result = metricsOf(pixels, { convention }).result()
          expect(result.reason).to.match(reason)
          const { ap, auroc, fpr, tpr } = result
          expect({ ap, auroc, fpr, tpr }).to.deep.equal(values)
        }
        const strict = metricsOf(pixels, { strict: true })
        expect(() => strict.result())
          .to.throw(reason)
          .with.property('code', 'EMPTY')
      })
    }
  })

  describe('scores that are not finite', () => {
    it('are refused with image and counts, and nothing of the image is kept', () => {
      const metrics = new AnomalyMetrics()
      const scores = new Float32Array([1, NaN, Infinity, -Infinity, NaN])
      expect(() => metrics.add(scores, new Uint8Array([0, 1, 0, 1, 255]), 'street-7'))
        .to.throw('3 of 4 valid scores in image "street-7" are not finite (1 NaN, 2 infinite).')
        .with.property('code', 'NON_FINITE')
      expect(metrics.result()).to.include({ positives: 0, negatives: 0, images: 0 })
    })

    it('may stand under ignored pixels', () => {
      expect(
        metricsOf([
          [NaN, 255],
          [Infinity, 2],
          [1, 1],
          [0, 0],
        ]).result(),
      ).to.include({ ap: 1, ignored: 2 })
    })

    it('are left out and counted on request', () => {
      const pixels: Pixel[] = [
        [NaN, 1],
        [-Infinity, 0],
        [1, 1],
        [0, 0],
      ]
      const result = metricsOf(pixels, { nonFinite: 'ignore' }).result()
      expect(result).to.include({ positives: 1, negatives: 1, nonFinite: 2, ignored: 0 })
    })
  })

  it('takes tensors and refuses other types and sizes', () => {
    const metrics = new AnomalyMetrics()
    metrics.add(
      { data: new Float32Array([1, 0]), shape: [1, 1, 2] },
      { data: new Uint8Array([1, 0]), shape: [1, 2] },
    )
    expect(metrics.result().ap).to.equal(1)
    const two = new Float32Array(2)
    expect(() => metrics.add(two, new Uint8Array(3), 'a')).to.throw(
      'Sizes differ in image "a": scores has 2 values, target has 3 values.',
    )
    expect(() =>
      metrics.add({ data: two, shape: [1, 2] }, { data: new Uint8Array(2), shape: [2, 1] }),
    ).to.throw('scores has 1×2, target has 2×1')
    expect(() => metrics.add({ data: two, shape: [3] }, new Uint8Array(2))).to.throw('scores.data')
    expect(() => metrics.add(new Float64Array(2) as never, new Uint8Array(2))).to.throw(
      'Expected Float32Array',
    )
    expect(() => metrics.add(two, [0, 1] as never)).to.throw('for target')
    expect(() => metrics.add(undefined as never, new Uint8Array(2))).to.throw('for scores')
  })

  it('reads scores from a view into a larger buffer', () => {
    const view = new Float32Array([9, 9, 1, 0]).subarray(2)
    expect(new AnomalyMetrics().add(view, new Uint8Array([0, 1])).result().auroc).to.equal(0)
  })

  describe('bins', () => {
    it('hold what the exact metrics are between their bounds', () => {
      fc.assert(
        fc.property(
          bothClasses,
          fc.integer({ min: 8, max: 31 }),
          fc.constantFrom('c', 'd', 'e'),
          (pixels, bits, convention) => {
            const exact = metricsOf(pixels, { convention }).result()
            const { bounds } = metricsOf(pixels, { convention, bits }).result()
            for (const metric of ['ap', 'auroc', 'fpr'] as const) {
              const [low, high] = bounds![metric]
              expect(exact[metric], metric).to.be.within(low - 1e-12, high + 1e-12)
            }
          },
        ),
      )
    })

    it('are as exact as 32 bits where scores need no more', () => {
      const pixels = Array.from({ length: 300 }, (_, i): Pixel => [(i * 7) % 64, i % 5 === 0 ? 1 : 0])
      const { bounds: _, ...binned } = metricsOf(pixels, { bits: 16 }).result()
      expect(binned).to.deep.equal(metricsOf(pixels).result())
    })

    it('merge and store like exact scores, but not with them', () => {
      const pixels = Array.from({ length: 100 }, (_, i): Pixel => [Math.sin(i), i % 3 === 0 ? 1 : 0])
      const whole = metricsOf(pixels, { bits: 12 })
      const merged = metricsOf(pixels.slice(40), { bits: 12 }).merge(
        AnomalyMetrics.fromJSON(metricsOf(pixels.slice(0, 40), { bits: 12 }).toJSON()),
      )
      expect({ ...merged.toJSON(), images: 1 }).to.deep.equal(whole.toJSON())
      expect(() => metricsOf(pixels).merge(whole)).to.throw('with 12 bits into')
      const json = { ...metricsOf(pixels).toJSON(), bits: 12 }
      expect(() => AnomalyMetrics.fromJSON(json)).to.throw('is damaged')
      expect(() => new AnomalyMetrics({ bits: 7 })).to.throw('options.bits')
    })
  })

  describe('properties', () => {
    it('AUROC is the Mann–Whitney statistic, ties counting half', () => {
      fc.assert(
        fc.property(bothClasses, (pixels) => {
          const scoresOf = (target: number) =>
            pixels.filter((p) => p[1] === target).map((p) => Math.fround(p[0]))
          const inliers = scoresOf(0)
          const anomalies = scoresOf(1)
          let wins = 0
          for (const a of anomalies) for (const i of inliers) wins += a > i ? 1 : a === i ? 0.5 : 0
          const expected = wins / (anomalies.length * inliers.length)
          expect(metricsOf(pixels).result().auroc).to.be.closeTo(expected, 1e-14)
        }),
      )
    })

    it('AP is the mean precision at the anomalies', () => {
      fc.assert(
        fc.property(bothClasses, (pixels) => {
          const valid = pixels.filter((p) => p[1] <= 1)
          const anomalies = valid.filter((p) => p[1] === 1)
          let sum = 0
          for (const [score] of anomalies) {
            const above = (list: Pixel[]) =>
              list.filter((p) => Math.fround(p[0]) >= Math.fround(score)).length
            sum += above(anomalies) / above(valid)
          }
          expect(metricsOf(pixels).result().ap).to.be.closeTo(sum / anomalies.length, 1e-13)
        }),
      )
    })

    it('no rate changes under a strictly monotone transform of the scores', () => {
      // Ranks: exact in float32 and strictly monotone, equal only for equal scores.
      fc.assert(
        fc.property(bothClasses, fc.constantFrom('a', 'b', 'c', 'd', 'e'), (pixels, convention) => {
          const distinct = [...new Set(pixels.map((p) => Math.fround(p[0]) + 0))].sort((x, y) => x - y)
          const ranked = pixels.map(([score, target]): Pixel => {
            return [distinct.indexOf(Math.fround(score) + 0) * 3 - 7, target]
          })
          const rates = (list: Pixel[]) => {
            const { ap, auroc, fpr, tpr } = metricsOf(list, { convention, tpr: 0.6 }).result()
            return { ap, auroc, fpr, tpr }
          }
          expect(rates(ranked)).to.deep.equal(rates(pixels))
        }),
      )
    })

    it('nothing depends on the order of the pixels', () => {
      const shuffled = bothClasses.chain((pixels) =>
        fc.tuple(fc.constant(pixels), fc.shuffledSubarray(pixels, { minLength: pixels.length })),
      )
      fc.assert(
        fc.property(shuffled, ([pixels, permuted]) => {
          expect(metricsOf(permuted).result()).to.deep.equal(metricsOf(pixels).result())
        }),
      )
    })

    it('merging, and going through JSON, equals one run', () => {
      fc.assert(
        fc.property(pixelList, pixelList, (first, second) => {
          const merged = metricsOf(first).merge(
            AnomalyMetrics.fromJSON(JSON.parse(JSON.stringify(metricsOf(second)))),
          )
          const whole = metricsOf([...first, ...second])
          expect(AnomalyMetrics.fromJSON(merged.toJSON()).toJSON()).to.deep.equal(merged.toJSON())
          expect(merged.result()).to.deep.equal({ ...whole.result(), images: 2 })
          expect(merged.curve()).to.deep.equal(whole.curve())
        }),
      )
    })

    it('keys sort as scores do, at lengths of both sorts', () => {
      const lengths = fc.constantFrom(10, 4095, 4096, 6000)
      const lists = fc.tuple(fc.array(finiteFloat, { minLength: 1, maxLength: 50 }), lengths)
      fc.assert(
        fc.property(lists, ([values, length]) => {
          // +0 for −0, which shares the key of +0
          const scores = Float32Array.from({ length }, (_, i) => values[(i * 7) % values.length] + 0)
          const keys = Int32Array.from(bitsOfScores(scores), keyFromBits)
          expect([...scoresFromKeys(sortKeys(keys))]).to.deep.equal([...scores.sort()])
        }),
      )
    })
  })

  it('folds millions of waiting scores into runs without losing any', () => {
    const size = 1 << 21
    const scores = Float32Array.from({ length: size }, (_, i) => Math.imul(i, 2654435761) % 1000)
    const target = Uint8Array.from({ length: size }, (_, i) => (i % 50 === 0 ? 1 : 0))
    const metrics = new AnomalyMetrics()
    for (let image = 0; image < 3; image++) metrics.add(scores, target)
    const once = new AnomalyMetrics().add(scores, target)
    const { positives, negatives, images, ...rates } = metrics.result()
    const { positives: p, negatives: n, images: one, ...expected } = once.result()
    expect([positives, negatives, images]).to.deep.equal([3 * p, 3 * n, 3 * one])
    expect(rates).to.deep.equal(expected)
  })

  it('adding after a result takes the new pixels into account', () => {
    const metrics = metricsOf([
      [1, 1],
      [0, 0],
    ])
    expect(metrics.result().ap).to.equal(1)
    metrics.add(new Float32Array([2]), new Uint8Array([0]))
    expect(metrics.result()).to.include({ ap: 0.5, images: 2 })
  })

  it('refuses to merge itself, other conventions, and damaged JSON', () => {
    const metrics = metricsOf([
      [1, 1],
      [0, 0],
      [0, 0],
    ])
    expect(() => metrics.merge(metrics)).to.throw('another AnomalyMetrics')
    expect(() => metrics.merge(new AnomalyMetrics({ convention: 'c' }))).to.throw('convention c at TPR 0.95')
    const json = metrics.toJSON()
    expect(json.positives.counts).to.equal(undefined)
    expect(() => AnomalyMetrics.fromJSON({ ...json, version: 2 as never })).to.throw('version 1')
    expect(() => AnomalyMetrics.fromJSON(null as never)).to.throw('toJSON()')
    const withNegatives = (negatives: object) => () =>
      AnomalyMetrics.fromJSON({ ...json, negatives: { ...json.negatives, ...negatives } })
    expect(withNegatives({ count: 3 })).to.throw('json.negatives.count')
    expect(withNegatives({ scores: 'AAA=' })).to.throw('4-byte numbers')
    expect(withNegatives({ scores: '' })).to.throw('json.negatives.counts')
    const nan = Buffer.from(new Float32Array([NaN]).buffer).toString('base64')
    expect(withNegatives({ scores: nan })).to.throw('Entry 0 of json.negatives is damaged')
  })
})
