import { expect } from 'chai'
import fc from 'fast-check'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { BinnedPixelMetrics } from '../../lib/evaluation/smiyc/binned-pixel-metrics.ts'

const scores = (...values: number[]) => new Float32Array(values)
const target = (...values: number[]) => new Uint8Array(values)
/**
 * Distinct float16 scores of 5 anomaly and 9 inlier pixels: quantiles of so many are the scores themselves, without the
 * rounding of other numbers, which may move an edge past its score.
 */
const pixels = fc
  .uniqueArray(fc.integer({ min: -500, max: 500 }), { minLength: 14, maxLength: 14 })
  .map((values) => values.map((value, i) => [value / 8, i < 5 ? 1 : 0] as const))

describe('BinnedPixelMetrics', () => {
  it('is exact for one image with few and distinct scores, all of which are edges', () => {
    fc.assert(
      fc.property(pixels, (list) => {
        const image = [
          scores(...list.map(([score]) => score)),
          target(...list.map(([, label]) => label)),
          'a',
        ] as const
        const binned = new BinnedPixelMetrics().add(...image).result()
        const exact = new AnomalyMetrics({ convention: 'c' }).add(...image).result()
        for (const metric of ['ap', 'auroc', 'fpr', 'positives', 'negatives'] as const)
          expect(binned[metric], metric).to.be.closeTo(exact[metric], 1e-12)
      }),
      { numRuns: 300 },
    )
  })

  it('merges shards, also through JSON text, to the same bits', () => {
    const whole = new BinnedPixelMetrics()
    const shards = [new BinnedPixelMetrics(), new BinnedPixelMetrics()]
    for (let i = 0; i < 6; i++) {
      const image = [
        scores(...Array.from({ length: 50 }, (_, x) => Math.sin(7 * i + x))),
        target(...Array.from({ length: 50 }, (_, x) => (x % 5 === 0 ? 1 : 0))),
      ] as const
      whole.add(...image, `image-${i}`)
      shards[i % 2].add(...image, `image-${i}`)
    }
    const merged = shards[1].merge(
      BinnedPixelMetrics.fromJSON(JSON.parse(JSON.stringify(shards[0].toJSON()))),
    )
    expect(merged.result()).to.deep.equal(whole.result())
    expect(merged.curve()).to.deep.equal(whole.curve())
    expect(() => merged.merge(whole)).to.throw('metrics of other images')
    expect(() => merged.merge(new BinnedPixelMetrics({ float16: false }))).to.throw(
      'metrics of adaptive bins',
    )
  })

  it('refuses what is not finite as float16, by image, and keeps nothing of it', () => {
    const metrics = new BinnedPixelMetrics()
    expect(() => metrics.add(scores(70_000, 0), target(1, 0), 'big')).to.throw(
      '1 of 1 valid scores in image "big"',
    )
    expect(() => metrics.add(scores(Number.NaN, 0), target(1, 0), 'nan')).to.throw('not finite')
    expect(metrics.add(scores(Number.NaN, 0, 1), target(255, 0, 1), 'fine').result().images).to.equal(1)
    expect(() => metrics.add(scores(1), target(1), 'fine')).to.throw('not added before')
    expect(
      new BinnedPixelMetrics({ float16: false }).add(scores(70_000, 0), target(1, 0), 'big').result().ap,
    ).to.equal(1)
  })

  it('is NaN with a reason where a class is missing', () => {
    const only = (label: number) =>
      new BinnedPixelMetrics().add(scores(1, 2), target(label, label), 'a').result()
    expect(only(0).reason).to.equal('there is no anomaly pixel')
    expect(only(1).reason).to.equal('there is no inlier pixel')
    expect(only(255).reason).to.equal('there is no valid pixel')
    expect([only(0).ap, only(1).auroc, only(255).bestF1Threshold]).to.deep.equal([
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ])
  })

  it('takes as many images as a benchmark has', () => {
    const bins = 770
    const frames = Array.from({ length: 400 }, (_, index) => ({
      image: `image-${index}`,
      thresholds: Array.from({ length: bins }, (_, k) => 10 - k / 100 - index / 1e5),
      positives: Array.from({ length: bins }, (_, k) => (k < 70 ? 1 : 0)),
      negatives: Array.from({ length: bins }, () => 1),
    }))
    const json = { type: 'BinnedPixelMetrics', version: 1, bins: 'adaptive', float16: true, frames } as const
    expect(BinnedPixelMetrics.fromJSON(json).result()).to.include({
      images: 400,
      positives: 28_000,
      bestF1: 2 / 3,
    })
  })

  it('refuses damaged JSON by field', () => {
    const good = new BinnedPixelMetrics().add(scores(1, 2, 3), target(0, 1, 0), 'a').toJSON()
    const [frame] = good.frames
    const withFrame = (change: object) => () =>
      BinnedPixelMetrics.fromJSON({ ...good, frames: [{ ...frame, ...change }] } as never)
    expect(withFrame({})).not.to.throw()
    expect(withFrame({ positives: frame.positives.map(() => -1) })).to.throw('json.frames[0] counts')
    expect(withFrame({ negatives: [] })).to.throw('json.frames[0]')
    expect(withFrame({ thresholds: [...frame.thresholds].reverse() })).to.throw('descending numbers')
    expect(() => BinnedPixelMetrics.fromJSON({ ...good, frames: [frame, frame] })).to.throw(
      'every image once',
    )
    expect(() => BinnedPixelMetrics.fromJSON({ ...good, frames: [null] } as never)).to.throw('json.frames[0]')
  })

  it('has uniform bins for probabilities', () => {
    const metrics = new BinnedPixelMetrics({ bins: 'uniform' })
    expect(metrics.add(scores(0.9, 0.1, 1, 0), target(1, 0, 1, 0), 'a').result()).to.include({
      ap: 1,
      auroc: 1,
      fpr: 0,
    })
    expect(() => metrics.add(scores(2), target(1), 'b')).to.throw('probabilities')
    expect(() => new BinnedPixelMetrics({ bins: 'even' as never })).to.throw('options.bins')
  })
})
