import { expect } from 'chai'
import { PerImageAnomalyMetrics } from '../../lib/evaluation/per-image.ts'

const scores = (...values: number[]) => new Float32Array(values)
const target = (...values: number[]) => new Uint8Array(values)

/** A perfect image, one with AP 0.5, one without anomaly, one without inlier. */
function fourImages(): PerImageAnomalyMetrics {
  return new PerImageAnomalyMetrics()
    .add(scores(2, 1), target(1, 0), 'd')
    .add(scores(1, 2), target(1, 0), 'a')
    .add(scores(1, 2), target(0, 0), 'c')
    .add(scores(1, 2), target(1, 1), 'b')
}

describe('PerImageAnomalyMetrics', () => {
  it('counts an image without anomaly as zero, or leaves it out', () => {
    const { withoutAnomalyAsZero: zero, withoutAnomalySkipped: skip, images } = fourImages().result()
    expect(images.map(({ image }) => image)).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(zero).to.include({ ap: (1 + 0.5 + 0 + 1) / 4, auroc: 0.5, fpr: (0 + 1 + 0) / 3, images: 4 })
    expect(skip).to.include({ ap: 0.75, auroc: 0.5, fpr: 0.5, images: 2 })
    expect(images[2].reason).to.match(/no anomaly pixel/)
    expect(images[2].ap).to.be.NaN
  })

  it('merges shards, also through JSON text, to the same bits', () => {
    const whole = new PerImageAnomalyMetrics()
    const shards = [new PerImageAnomalyMetrics(), new PerImageAnomalyMetrics()]
    for (let i = 0; i < 9; i++) {
      const image = [scores(Math.sin(i), 0.1, 0.2 * i, 0.3), target(1, 0, 0, i % 4 === 0 ? 0 : 1)] as const
      whole.add(...image, `image-${i}`)
      shards[i % 2].add(...image, `image-${i}`)
    }
    const text = JSON.stringify(shards[0].toJSON())
    const merged = shards[1].merge(PerImageAnomalyMetrics.fromJSON(JSON.parse(text)))
    expect(merged.result()).to.deep.equal(whole.result())
  })

  it('refuses an image without name or given twice, other settings, and damaged JSON', () => {
    const metrics = fourImages()
    expect(() => metrics.add(scores(1), target(1), 'a')).to.throw('was added before')
    expect(() => metrics.add(scores(1), target(1), '')).to.throw('imageName')
    expect(() => metrics.merge(fourImages())).to.throw('metrics of other images')
    expect(() => metrics.merge(new PerImageAnomalyMetrics({ convention: 'b' }))).to.throw('convention a')
    expect(() => metrics.merge(metrics)).to.throw('another PerImageAnomalyMetrics')
    expect(() => PerImageAnomalyMetrics.fromJSON({} as never)).to.throw('version 1')
    expect(() => PerImageAnomalyMetrics.fromJSON({ ...metrics.toJSON(), tpr: 2 })).to.throw('json.tpr')
    const [image] = metrics.toJSON().images
    const read = (entry: unknown) => () =>
      PerImageAnomalyMetrics.fromJSON({ ...metrics.toJSON(), images: [entry] } as never)
    expect(read({ ...image, ap: 7 })).to.throw('json.images[0]')
    expect(read({ ...image, positives: 'many' })).to.throw('json.images[0].positives')
    expect(read(null)).to.throw('json.images[0]')
  })

  it('is NaN without images', () => {
    const { ap, images } = new PerImageAnomalyMetrics().result().withoutAnomalySkipped
    expect([ap, images]).to.deep.equal([Number.NaN, 0])
  })
})
