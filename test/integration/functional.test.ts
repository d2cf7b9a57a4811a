import { expect } from 'chai'
import { hybridLoss, hybridScore } from '../../lib/functional.ts'
import { random } from '../../lib/random.ts'
import { SCORE_NAMES } from '../../lib/scores.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'
import { needAddon } from '../support/addon.ts'
import { rejection } from '../support/image-files.ts'
import { sameBits } from '../support/toy-data.ts'

const K = 5

function logits(channels: number, seed: number): Tensor {
  const rng = random(seed)
  return tensor(
    Float32Array.from({ length: 2 * channels * 6 * 8 }, () => 3 * rng.normal()),
    [2, channels, 6, 8],
  )
}

function inDouble({ data, shape }: Tensor): Tensor<Float64Array> {
  return tensor(Float64Array.from(data), shape)
}

describe('hybridScore and hybridLoss', function () {
  this.timeout(30_000)
  const classLogits = logits(K, 1)
  const oodLogits = logits(2, 2)
  const rng = random(3)
  const labels = tensor(
    Uint8Array.from({ length: 2 * 11 * 17 }, () => rng.pick([0, 1, 2, 3, 4, 254, 254, 255])),
    [2, 11, 17],
  )
  before(function () {
    needAddon(this)
  })

  it('scores are the formulas, where nothing is upsampled', async () => {
    const { labels: known, scores } = await hybridScore(classLogits, oodLogits, [6, 8], {
      scores: SCORE_NAMES,
    })
    for (let n = 0; n < 2; n++) {
      for (let pixel = 0; pixel < 48; pixel++) {
        const s = Array.from({ length: K }, (_, k) => classLogits.data[(n * K + k) * 48 + pixel])
        const [g0, g1] = [0, 1].map((k) => oodLogits.data[(n * 2 + k) * 48 + pixel])
        const lse = Math.log(s.reduce((sum, value) => sum + Math.exp(value), 0))
        const posterior = s.map((value) => Math.exp(value - lse))
        const discriminative = -Math.log1p(Math.exp(g0 - g1))
        const expected = {
          hybrid: discriminative - lse,
          discriminative,
          generative: -lse,
          maxSoftmax: -Math.max(...posterior),
          maxLogit: -Math.max(...s),
          entropy: -posterior.reduce((sum, p) => sum + p * Math.log(p), 0),
        }
        const at = n * 48 + pixel
        for (const name of SCORE_NAMES)
          expect(scores[name].data[at], name).to.be.closeTo(expected[name], 1e-4)
        expect(known.data[at]).to.equal(s.indexOf(Math.max(...s)))
      }
    }
  })

  it('labels are K above the threshold and closed-set labels without one', async () => {
    const closed = await hybridScore(classLogits, oodLogits, [12, 16])
    const open = await hybridScore(classLogits, oodLogits, [12, 16], { threshold: -6 })
    expect(sameBits(closed.scores.hybrid, open.scores.hybrid)).to.equal(true)
    const expected = closed.labels.data.map((label, i) => (closed.scores.hybrid.data[i] > -6 ? K : label))
    expect([...open.labels.data]).to.deep.equal([...expected])
    expect(new Set(open.labels.data).size).to.be.above(2)
  })

  it('a NaN or infinite logit spoils its own pixels alone, and is counted', async () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const data = classLogits.data.slice()
      data[2 * 48 + 3 * 8 + 5] = broken // image 0, class 2, row 3, column 5
      const result = await hybridScore({ data, shape: classLogits.shape }, oodLogits, [6, 8], {
        scores: SCORE_NAMES,
      })
      const whole = await hybridScore(classLogits, oodLogits, [6, 8], { scores: SCORE_NAMES })
      expect(result.nonFinite).to.equal(1)
      expect(whole.nonFinite).to.equal(0)
      for (const name of SCORE_NAMES) {
        const expected = whole.scores[name].data.slice()
        expected[3 * 8 + 5] = Number.NaN
        expect([...result.scores[name].data], name).to.deep.equal([...expected])
      }
      expect(result.labels.data[3 * 8 + 5]).to.equal(K)
    }
  })

  it('loss is the sum of its terms, with β_d = 10 β_x', async () => {
    const { total, cls, x, d } = await hybridLoss(classLogits, oodLogits, labels, { betaX: 0.02 })
    expect(total).to.be.closeTo(cls + 0.02 * x + 0.2 * d, 1e-5)
  })

  it('gradients are those of finite differences', async () => {
    const given = [inDouble(classLogits), inDouble(oodLogits)] as const
    const options = { ignoreInDatasetPosterior: 'exclude', meanLogitShift: false } as const
    const { gradLogits, gradOodLogits } = await hybridLoss(...given, labels, options)
    const step = 1e-5
    for (const [which, gradient] of [gradLogits, gradOodLogits].entries()) {
      for (let i = 0; i < gradient.data.length; i += 37) {
        const values: number[] = []
        for (const sign of [1, -1]) {
          const moved = given.map(({ data, shape }) => tensor(data.slice(), shape))
          moved[which].data[i] += sign * step
          values.push((await hybridLoss(moved[0], moved[1], labels, options)).total)
        }
        expect(gradient.data[i], `${which}, ${i}`).to.be.closeTo((values[0] - values[1]) / (2 * step), 1e-8)
      }
    }
  })

  it('the two ways to treat ignored pixels differ in L_d only', async () => {
    const [counted, left] = [
      await hybridLoss(classLogits, oodLogits, labels),
      await hybridLoss(classLogits, oodLogits, labels, { ignoreInDatasetPosterior: 'exclude' }),
    ]
    expect([counted.cls, counted.x]).to.deep.equal([left.cls, left.x])
    expect(counted.d).not.to.be.closeTo(left.d, 1e-3)
  })

  it('refuse what does not fit, naming it', async () => {
    const wrong: [Promise<unknown>, string][] = [
      [hybridScore(classLogits, logits(3, 1), [6, 8]), 'oodLogits'],
      [hybridScore(classLogits, oodLogits, [6] as never), 'size'],
      [hybridScore(classLogits, oodLogits, [6, 8], { threshold: Number.NaN }), 'threshold'],
      [hybridScore(inDouble(classLogits) as never, oodLogits, [6, 8]), 'Float32Array'],
      [hybridLoss(classLogits, inDouble(oodLogits) as never, labels), 'oodLogits'],
      [hybridLoss(classLogits, oodLogits, labels, { size: [11, 18] }), 'labels'],
      [hybridLoss(classLogits, oodLogits, labels, { ignore: 254 }), 'negative'],
      [hybridLoss(classLogits, oodLogits, labels, { ignore: 3 }), 'ignore'],
      [hybridLoss(classLogits, oodLogits, labels, { negative: 250 }), 'labels'],
      [hybridLoss(classLogits, oodLogits, labels, { betax: 1 } as never), 'betax'],
    ]
    for (const [call, name] of wrong)
      expect((await rejection(call, 'INVALID_ARGUMENT')).message).to.contain(name)
    await rejection(hybridScore(classLogits, oodLogits, [6, 8], { signal: AbortSignal.abort() }), 'ABORTED')
  })
})
