import { expect } from 'chai'
import fc from 'fast-check'
import { connectedComponents } from '../../lib/evaluation/connected-components.ts'
import { ComponentMetrics } from '../../lib/evaluation/smiyc/component-metrics.ts'
import { frameComponents } from '../../lib/evaluation/smiyc/frame-components.ts'
import { tensor } from '../../lib/tensor.ts'

const SIZE = [8, 8] as const

/** The rules word by word: one mask of the whole image for every component. */
function literal(prediction: Uint8Array, target: Uint8Array, minimumPredicted: number, minimumTruth: number) {
  const pixels = [...target.keys()]
  const truth = connectedComponents(
    target.map((t) => (t === 1 ? 1 : 0)),
    SIZE,
  ).labels.slice()
  const predicted = connectedComponents(prediction, SIZE).labels.slice()
  const label = target.slice()
  for (const q of new Set(predicted)) {
    if (q === 0) continue
    const of = pixels.filter((i) => predicted[i] === q)
    if (of.length < minimumPredicted) for (const i of of) predicted[i] = 0
  }
  for (const k of new Set(truth)) {
    const of = pixels.filter((i) => truth[i] === k)
    if (of.length < minimumTruth) for (const i of of) label[i] = 255
  }
  const valid = pixels.filter((i) => label[i] <= 1)
  const ids = (map: Int32Array) =>
    [...new Set(valid.map((i) => map[i]))].filter((id) => id > 0).sort((a, b) => a - b)
  const measure = (own: Int32Array, other: Int32Array, id: number) => {
    const k = valid.filter((i) => own[i] === id)
    const touching = new Set(k.map((i) => other[i]).filter((q) => q > 0))
    const union = valid.filter((i) => touching.has(other[i]))
    const common = union.filter((i) => own[i] === id).length
    const elsewhere = union.filter((i) => own[i] > 0 && own[i] !== id).length
    return { area: k.length, sIoU: common / (k.length + union.length - common - elsewhere) }
  }
  return {
    truth: ids(truth).map((k) => measure(truth, predicted, k)),
    predicted: ids(predicted).map((q) => {
      const own = valid.filter((i) => predicted[i] === q)
      const ppv = own.filter((i) => truth[i] > 0).length / own.length
      return { ...measure(predicted, truth, q), ppv }
    }),
  }
}

describe('SMIYC components', () => {
  it('are what the rules say, word by word', () => {
    const map = (values: number[]) =>
      fc.array(fc.constantFrom(...values), { minLength: 64, maxLength: 64 }).map((a) => Uint8Array.from(a))
    fc.assert(
      fc.property(
        map([0, 0, 1, 1]),
        map([0, 0, 0, 1, 1, 255]),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 40 }),
        (raw, target, minimumPredicted, minimumTruth) => {
          const prediction = raw.map((value, i) => (target[i] <= 1 ? value : 0))
          const frame = frameComponents(prediction, target, SIZE, { minimumPredicted, minimumTruth })
          const want = literal(prediction, target, minimumPredicted, minimumTruth)
          expect(frame.truth.map(({ area, sIoU }) => ({ area, sIoU }))).to.deep.equal(want.truth)
          expect(frame.predicted.map(({ area, sIoU, ppv }) => ({ area, sIoU, ppv }))).to.deep.equal(
            want.predicted,
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('ComponentMetrics', () => {
  const size = [1, 10]
  const scores = (...values: number[]) => tensor(new Float32Array(values), size)
  const target = (...values: number[]) => tensor(new Uint8Array(values), size)
  const sizes = { minimumPredicted: 1, minimumTruth: 1 }

  it('computes sIoU, PPV and F1 by hand', () => {
    const metrics = new ComponentMetrics({ ...sizes, threshold: 0.5 })
    metrics.add(scores(1, 1, 0, 0, 0, 0, 0, 1, 0, 0), target(1, 1, 1, 0, 0, 1, 0, 0, 0, 0), 'a')
    const result = metrics.result()
    expect(result).to.include({
      sIoU: (2 / 3 + 0) / 2,
      ppv: (1 + 0) / 2,
      truthComponents: 2,
      predictedComponents: 2,
    })
    expect(result.points[0]).to.deep.include({ threshold: 0.25, tp: 1, fn: 1, fp: 1, f1: 0.5 })
    expect(result.points[10]).to.deep.include({ threshold: 0.75, tp: 0, fn: 2, fp: 1, f1: 0 })
    expect(result.f1).to.be.closeTo((9 * 0.5) / 11, 1e-15) // .65 is the last one that 2/3 reaches
  })

  it('compares strictly, with the threshold rounded to float16 unless told otherwise', () => {
    const image = [scores(0.3, 0, 0, 0, 0, 0, 0, 0, 0, 0), target(1, 0, 0, 0, 0, 0, 0, 0, 0, 0)] as const
    const found = (options: object) =>
      new ComponentMetrics({ ...sizes, ...options }).add(...image, 'a').result().predictedComponents
    const single = Math.fround(0.3)
    expect(found({ threshold: single })).to.equal(0) // as float16 0.30005
    expect(found({ threshold: 0.29999 })).to.equal(0)
    expect(found({ threshold: 0.29999, float16Threshold: false })).to.equal(1)
    expect(found({ threshold: single, float16Threshold: false })).to.equal(0)
  })

  it('never predicts NaN or void, and says why values are undefined', () => {
    const metrics = new ComponentMetrics({ ...sizes, threshold: 0 })
    metrics.add(scores(Number.NaN, 1, 0, 0, 0, 0, 0, 0, 0, 0), target(0, 255, 0, 0, 0, 0, 0, 0, 0, 0), 'a')
    const { f1, sIoU, ppv, reason } = metrics.result()
    expect([f1, sIoU, ppv]).to.deep.equal([Number.NaN, Number.NaN, Number.NaN])
    expect(reason).to.equal('there is no component, in truth or prediction')
  })

  it('takes masks, of which no component is too small', () => {
    const metrics = new ComponentMetrics({ minimumPredicted: 5, minimumTruth: 1 })
    const mask = tensor(Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), size)
    expect(metrics.addMask(mask, target(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 'a').result().f1).to.equal(1)
    expect(() =>
      metrics.addMask(tensor(new Uint8Array(10).fill(2), size), target(...new Array(10).fill(0)), 'b'),
    ).to.throw('0 or 1 at every pixel')
    expect(() =>
      metrics.add(scores(...new Array(10).fill(0)), target(...new Array(10).fill(0)), 'b'),
    ).to.throw('options.threshold')
  })

  it('merges shards, also through JSON text, to the same bits', () => {
    const make = () => new ComponentMetrics({ ...sizes, threshold: 0.5 })
    const image = (i: number) =>
      [
        scores(...Array.from({ length: 10 }, (_, x) => Math.sin(i + x) + 0.5)),
        target(...Array.from({ length: 10 }, (_, x) => (Math.cos(i + x) > 0.3 ? 1 : 0))),
        `image-${i}`,
      ] as const
    const whole = make()
    const shards = [make(), make()]
    for (let i = 0; i < 7; i++) {
      whole.add(...image(i))
      shards[i % 2].add(...image(i))
    }
    const merged = shards[1].merge(ComponentMetrics.fromJSON(JSON.parse(JSON.stringify(shards[0].toJSON()))))
    expect(merged.result()).to.deep.equal(whole.result())
    expect(() => merged.merge(whole)).to.throw('metrics of other images')
    expect(() => merged.merge(new ComponentMetrics({ threshold: 1 }))).to.throw('metrics of 1 and 1 pixels')
  })

  it('refuses damaged JSON by field, and a threshold beyond float16', () => {
    const metrics = new ComponentMetrics({ ...sizes, threshold: 0.5 })
    const good = metrics
      .add(scores(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), target(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 'a')
      .toJSON()
    const [image] = good.images
    const read = (images: unknown[]) => () => ComponentMetrics.fromJSON({ ...good, images } as never)
    expect(read([image])).not.to.throw()
    expect(read([image, image])).to.throw('every image once')
    expect(read([{ ...image, truth: [{ area: 1, sIoU: '0.9' }] }])).to.throw('json.images[0] sIoU')
    expect(read([{ ...image, predicted: [{ area: 1, sIoU: 1, ppv: 5 }] }])).to.throw('json.images[0] ppv')
    expect(read([null])).to.throw('json.images[0]')
    expect(() => new ComponentMetrics({ threshold: 1e6 })).to.throw('the range of float16')
    expect(() => new ComponentMetrics({ threshold: 1e6, float16Threshold: false })).not.to.throw()
  })

  it('refuses maps without rows, other sizes, names given twice, and unknown tracks', () => {
    const metrics = new ComponentMetrics({ threshold: 0 })
    expect(() => metrics.add(new Float32Array(4), new Uint8Array(4), 'a')).to.throw('a tensor H×W')
    expect(() => metrics.add(scores(...new Array(10).fill(0)), new Uint8Array(4), 'a')).to.throw(
      'Sizes differ',
    )
    metrics.add(scores(...new Array(10).fill(0)), target(...new Array(10).fill(0)), 'a')
    expect(() =>
      metrics.add(scores(...new Array(10).fill(0)), target(...new Array(10).fill(0)), 'a'),
    ).to.throw('a name that was not added before')
    expect(() => new ComponentMetrics({ track: 'obstacles' as never })).to.throw('one of anomaly, obstacle')
    expect(() => ComponentMetrics.fromJSON({} as never)).to.throw('version 1')
  })
})
