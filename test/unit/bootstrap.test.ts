import { expect } from 'chai'
import fc from 'fast-check'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { BootstrapMetrics, type BootstrapMetricsOptions } from '../../lib/evaluation/bootstrap.ts'
import { BootstrapConfusion } from '../../lib/evaluation/bootstrap-confusion.ts'
import { ConfusionMatrix } from '../../lib/evaluation/confusion.ts'
import { meanInterval } from '../../lib/evaluation/intervals.ts'
import type { FprConvention } from '../../lib/evaluation/operating-point.ts'
import { pairedDifference } from '../../lib/evaluation/paired-difference.ts'
import { binKey, bitsOfScores, keyFromBits, scoresFromKeys } from '../../lib/evaluation/score-keys.ts'
import { random } from '../../lib/random.ts'

interface Image {
  readonly name: string
  readonly scores: Float32Array
  readonly target: Uint8Array
}

/** Images of differing difficulty: anomalies score `gap` higher, give or take. */
function makeImages(count: number, { seed = 1, pixels = 200, gap = 2, share = 0.2 } = {}): Image[] {
  return Array.from({ length: count }, (_, i) => {
    const stream = random(seed, i)
    const shift = gap + stream.normal()
    const target = Uint8Array.from({ length: pixels }, () =>
      stream.uniform() < 0.05 ? 255 : stream.uniform() < share ? 1 : 0,
    )
    const scores = Float32Array.from(target, (t) => stream.normal() + (t === 1 ? shift : 0))
    return { name: `image-${i}`, scores, target }
  })
}

function metricsOf(images: readonly Image[], options: BootstrapMetricsOptions = {}): BootstrapMetrics {
  const metrics = new BootstrapMetrics(options)
  for (const { name, scores, target } of images) metrics.add(scores, target, name)
  return metrics
}

function exact(images: readonly Image[], options: { convention?: FprConvention; tpr?: number } = {}) {
  const metrics = new AnomalyMetrics(options)
  for (const { scores, target } of images) metrics.add(scores, target)
  return metrics.result()
}

/** Scores replaced by the lowest of their bin. */
function binned(images: readonly Image[], bits: number): Image[] {
  return images.map((image) => ({
    ...image,
    scores: scoresFromKeys(Int32Array.from(bitsOfScores(image.scores), (b) => binKey(keyFromBits(b), bits))),
  }))
}

const METRICS = ['ap', 'auroc', 'fpr'] as const

describe('BootstrapMetrics', () => {
  it('estimates what AnomalyMetrics does on binned scores, within its bound of the exact value', async () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true })
    const score = fc.oneof(
      fc.constantFrom(-0, 0, 1, 1.001, 1.002),
      fc.float({ min: -2, max: 2, noNaN: true }),
      float,
    )
    const pixels = fc.array(fc.tuple(score, fc.constantFrom(0, 0, 1, 2, 255)), {
      minLength: 1,
      maxLength: 60,
    })
    const settings = fc.record({
      convention: fc.constantFrom<FprConvention>('a', 'b', 'c', 'd', 'e'),
      tpr: fc.constantFrom(0.5, 0.8, 0.95),
      bits: fc.constantFrom(10, 12, 18, 20),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(pixels, { minLength: 1, maxLength: 4 }), settings, async (lists, options) => {
        const images = lists.map((list, i) => ({
          name: `${i}`,
          scores: Float32Array.from(list, ([s]) => s),
          target: Uint8Array.from(list, ([, t]) => t),
        }))
        const { bits, ...rest } = options
        const result = await metricsOf(images, options).intervals({ resamples: 2 })
        const onBins = exact(binned(images, bits), rest)
        const onScores = exact(images, rest)
        if (onBins.positives === 0 || onBins.negatives === 0) {
          expect(result.reason).to.match(/^there is no (anomaly|inlier) pixel$/)
          expect(result.auroc.estimate).to.be.NaN
          return
        }
        for (const metric of METRICS) {
          expect(result[metric].estimate, metric).to.equal(onBins[metric])
          if (metric === 'fpr' && options.convention !== 'c' && options.convention !== 'd') continue
          const error = Math.abs(onScores[metric] - onBins[metric])
          expect(error, `bound of ${metric}`).to.be.at.most(result[metric].binning + 1e-12)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('draws the same with the same seed: in place, with threads, in any order, merged, and from JSON', async () => {
    const images = makeImages(12)
    const options = { resamples: 37, seed: 5 }
    const reference = await metricsOf(images).intervals({ ...options, threads: 0 })
    expect(await metricsOf(images).intervals({ ...options, threads: 1 })).to.deep.equal(reference)
    expect(await metricsOf(images).intervals({ ...options, threads: 3 })).to.deep.equal(reference)
    expect(await metricsOf([...images].reverse()).intervals(options)).to.deep.equal(reference)
    const merged = metricsOf(images.slice(7)).merge(metricsOf(images.slice(0, 7)))
    expect(await merged.intervals(options)).to.deep.equal(reference)
    const restored = BootstrapMetrics.fromJSON(JSON.parse(JSON.stringify(merged)))
    expect(await restored.intervals(options)).to.deep.equal(reference)
    const other = await metricsOf(images).intervals({ ...options, seed: 6 })
    expect(other.ap.low).not.to.equal(reference.ap.low)
    expect(other.ap.estimate).to.equal(reference.ap.estimate)
  })

  it('resamples as AnomalyMetrics on the drawn images would', async () => {
    // Small whole scores: many ties, many bins that a resample leaves empty, and points on one line.
    const pixels = fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, 1)), {
      minLength: 1,
      maxLength: 6,
    })
    const conventions = fc.constantFrom<FprConvention>('a', 'b', 'c', 'd', 'e')
    await fc.assert(
      fc.asyncProperty(
        fc.array(pixels, { minLength: 2, maxLength: 5 }),
        conventions,
        async (lists, convention) => {
          const images = lists.map((list, i) => ({
            name: `${i}`,
            scores: Float32Array.from(list, ([s]) => s),
            target: Uint8Array.from(list, ([, t]) => t),
          }))
          const options = { convention, tpr: 0.5 }
          const result = await metricsOf(images, options).intervals({
            resamples: 9,
            seed: 3,
            confidence: 0.5,
          })
          if (result.reason !== undefined) return
          const draws = Array.from({ length: 9 }, (_, r) => {
            const stream = random(3, r)
            return exact(
              images.map(() => images[stream.integer(0, images.length - 1)]),
              options,
            )
          })
          const defined = draws.filter(({ reason }) => reason === undefined)
          expect(result.undefinedResamples).to.equal(9 - defined.length)
          if (defined.length < 9) return
          for (const metric of METRICS) {
            const sorted = defined.map((draw) => draw[metric]).sort((a, b) => a - b)
            const { low, high, standardError } = result[metric]
            expect([low, high], metric).to.deep.equal([sorted[2], sorted[6]])
            const mean = sorted.reduce((sum, value) => sum + value, 0) / 9
            const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 8
            expect(standardError, metric).to.be.closeTo(Math.sqrt(variance), 1e-12)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('covers the true value about as often as it says', async () => {
    const truth = exact(makeImages(3000, { seed: 99 })).auroc
    let covered = 0
    for (let trial = 0; trial < 60; trial++) {
      const metrics = metricsOf(makeImages(40, { seed: 1000 + trial }), { bits: 12 })
      const { auroc } = await metrics.intervals({ resamples: 100, seed: trial, confidence: 0.9, threads: 0 })
      if (auroc.low <= truth && truth <= auroc.high) covered++
    }
    expect(covered / 60).to.be.within(0.75, 1)
  })

  it('has no width where all images are alike, and none at all with one image', async () => {
    const [image] = makeImages(1)
    const alike = metricsOf([1, 2, 3].map((i) => ({ ...image, name: `${i}` })))
    const result = await alike.intervals({ resamples: 20 })
    for (const metric of METRICS) {
      const { estimate, low, high, standardError } = result[metric]
      expect([low, high, standardError]).to.deep.equal([estimate, estimate, 0])
    }
    const single = await metricsOf([image]).intervals()
    expect(single.reason).to.include('single image')
    expect(single.ap.estimate).to.be.within(0, 1)
    expect([single.ap.low, single.ap.standardError]).to.deep.equal([NaN, NaN])
    const none = await new BootstrapMetrics().intervals()
    expect(none).to.include({ images: 0, reason: 'there is no image' })
  })

  it('says what is undefined, and counts resamples without anomaly pixels', async () => {
    const clean = makeImages(3, { share: 0 })
    const none = await metricsOf(clean).intervals()
    expect(none).to.include({ reason: 'there is no anomaly pixel', undefinedResamples: 0 })
    expect(none.fpr.estimate).to.be.NaN
    const one = [...clean, { ...makeImages(1)[0], name: 'with anomalies' }]
    const some = await metricsOf(one).intervals({ resamples: 400 })
    expect(some.undefinedResamples / 400).to.be.closeTo(0.75 ** 4, 0.08)
    expect(some.ap.low).to.be.within(0, 1)
  })

  it('reports progress and stops when the signal fires, in place and in threads', async () => {
    const metrics = metricsOf(makeImages(6))
    for (const threads of [0, 2]) {
      const seen: number[] = []
      await metrics.intervals({ resamples: 50, threads, onProgress: ({ done }) => seen.push(done) })
      expect(seen.at(-1)).to.equal(50)
      const controller = new AbortController()
      const stop = () => controller.abort()
      const run = metrics.intervals({
        resamples: 1e5,
        threads,
        signal: controller.signal,
        onProgress: stop,
      })
      const error = await run.catch((reason) => reason)
      expect(error).to.have.property('code', 'ABORTED')
    }
    const already = metrics.intervals({ signal: AbortSignal.abort() })
    expect(await already.catch((error) => error.code)).to.equal('ABORTED')
  })

  it('refuses what is wrong and keeps nothing of it', async () => {
    const [image, other] = makeImages(2)
    const metrics = metricsOf([image])
    expect(() => metrics.add(image.scores, image.target, image.name)).to.throw('"image-0" was added before')
    expect(() => metrics.add(other.scores, image.target.slice(1), 'x')).to.throw('Sizes differ in image "x"')
    const nan = Float32Array.from(other.scores).fill(Number.NaN, 7, 8)
    const valid = new Uint8Array(nan.length)
    expect(() => metrics.add(nan, valid, 'x')).to.throw('pixel 7 in image "x" is NaN')
    expect(() => metrics.add(nan, valid.fill(255), '')).to.throw('imageName')
    expect(metrics.images).to.deep.equal(['image-0'])
    metrics.add(nan, valid.fill(2), 'x')
    expect(() => metrics.merge(metricsOf([image]))).to.throw('"image-0" was added before')
    expect(() => metrics.merge(new BootstrapMetrics({ bits: 12 }))).to.throw('18 bits')
    expect(() => new BootstrapMetrics({ bits: 32 })).to.throw('options.bits')
    for (const options of [
      { resamples: 1 },
      { confidence: 1 },
      { seed: -1 },
      { threads: 0.5 },
      { sead: 1 },
    ]) {
      const error = await metrics.intervals(options as object).catch((reason) => reason)
      expect(error, JSON.stringify(options)).to.have.property('code', 'INVALID_ARGUMENT')
    }
    const json = metrics.toJSON()
    const damaged = { ...json, images: [{ ...json.images[0], positives: json.images[0].negatives }] }
    damaged.images[0].negatives = { bins: '////fw==', counts: 'AAAAAAAA8D8=' }
    expect(() => BootstrapMetrics.fromJSON(damaged)).to.throw('json.images[0].negatives is damaged')
    expect(() => BootstrapMetrics.fromJSON({ ...json, images: [json.images[0], json.images[0]] })).to.throw(
      'added before',
    )
  })
})

describe('pairedDifference', () => {
  const images = makeImages(20)
  const worse = images.map((image, i) => {
    const stream = random(8, i)
    return { ...image, scores: image.scores.map((score) => score + 1.5 * stream.normal()) }
  })

  it('is 0 between a method and itself', async () => {
    const { ap, auroc, fpr } = await pairedDifference(metricsOf(images), metricsOf(images), { resamples: 30 })
    for (const difference of [ap, auroc, fpr]) {
      expect(difference).to.deep.equal({ estimate: 0, low: 0, high: 0, standardError: 0, shareBetter: 0.5 })
    }
  })

  it('is narrower than the two intervals apart, and turns its sign with the methods', async () => {
    const [a, b] = [metricsOf(images), metricsOf(worse)]
    const options = { resamples: 200, seed: 2 }
    const ahead = await pairedDifference(a, b, options)
    const behind = await pairedDifference(b, a, options)
    expect(ahead.ap.low).to.be.above(0)
    expect(ahead.ap.shareBetter).to.equal(1)
    expect(ahead.fpr.estimate).to.be.below(0)
    expect(ahead.fpr.shareBetter).to.be.above(0.5)
    for (const metric of METRICS) {
      expect(behind[metric].estimate).to.equal(-ahead[metric].estimate)
      expect(behind[metric].low).to.be.closeTo(-ahead[metric].high, 1e-12)
      expect(behind[metric].shareBetter).to.be.closeTo(1 - ahead[metric].shareBetter, 1e-12)
    }
    const [alone, other] = [await a.intervals(options), await b.intervals(options)]
    const apart = Math.hypot(alone.auroc.standardError, other.auroc.standardError)
    expect(ahead.auroc.standardError).to.be.below(apart)
  })

  it('refuses differing images, pixels and settings, and names them', async () => {
    const failure = (a: BootstrapMetrics, b: BootstrapMetrics) =>
      pairedDifference(a, b).then(
        () => '',
        (error) => error.message as string,
      )
    const a = metricsOf(images)
    expect(await failure(a, metricsOf(images.slice(2)))).to.include('b lacks "image-0", "image-1"')
    expect(await failure(metricsOf(images.slice(0, 1)), a)).to.include('and 9 more')
    const cut = images.map((image, i) => (i > 0 ? image : { ...image, target: image.target.map(() => 0) }))
    expect(await failure(a, metricsOf(cut))).to.include('Image "image-0" has')
    expect(await failure(a, metricsOf(images, { convention: 'c' }))).to.include('convention a at TPR 0.95')
  })
})

describe('BootstrapConfusion', () => {
  const labels = (seed: number) => {
    const stream = random(seed)
    return Uint8Array.from({ length: 50 }, () => (stream.uniform() < 0.1 ? 255 : stream.integer(0, 3)))
  }
  const maps = Array.from({ length: 9 }, (_, i) => {
    const target = labels(i)
    const stream = random(50 + i)
    return {
      name: `${i}`,
      target,
      prediction: target.map((t) => (stream.uniform() < 0.6 ? t % 4 : stream.integer(0, 3))),
    }
  })

  it('estimates what ConfusionMatrix does, and draws the same in any order and with threads', async () => {
    for (const ignore of [[255], [255, 3]]) {
      const matrix = new ConfusionMatrix(4, { ignore })
      const [forward, backward] = [0, 1].map(() => new BootstrapConfusion(4, { ignore, averaged: 3 }))
      for (const { name, target, prediction } of maps) {
        matrix.add(target, prediction)
        forward.add(target, prediction, name)
      }
      for (const { name, target, prediction } of [...maps].reverse()) backward.add(target, prediction, name)
      const result = await forward.intervals({ resamples: 25 })
      expect(result.iou.map(({ estimate }) => estimate)).to.deep.equal(matrix.iou())
      const mean = (matrix.iou()[0] + matrix.iou()[1] + matrix.iou()[2]) / 3
      expect(result.meanIoU.estimate).to.equal(mean)
      expect(result.meanIoU.low).to.be.below(mean)
      expect(result.meanIoU.high).to.be.above(mean)
      expect(await backward.intervals({ resamples: 25, threads: 2 })).to.deep.equal(result)
    }
  })

  it('skips absent classes or counts them as 0, and merges', async () => {
    const one = (absent: 'skip' | 'zero') => {
      const first = new BootstrapConfusion(3, { absent }).add(Uint8Array.of(0, 1), Uint8Array.of(0, 1), 'a')
      return first.merge(new BootstrapConfusion(3, { absent }).add(Uint8Array.of(0), Uint8Array.of(0), 'b'))
    }
    const skip = await one('skip').intervals({ resamples: 20 })
    expect([skip.meanIoU.estimate, skip.meanIoU.low, skip.images]).to.deep.equal([1, 1, 2])
    expect(skip.iou[2].estimate).to.be.NaN
    const zero = await one('zero').intervals({ resamples: 20 })
    expect([zero.meanIoU.estimate, zero.meanIoU.high]).to.deep.equal([2 / 3, 2 / 3])
    expect(() => one('skip').merge(one('zero'))).to.throw('absent skip')
    expect(() => one('skip').merge(one('skip'))).to.throw('added before')
  })
})

describe('meanInterval', () => {
  it('skips NaN, covers the mean, and is undefined where nothing varies between images', async () => {
    const result = await meanInterval([0.8, 0.6, Number.NaN, 0.7], { resamples: 500 })
    expect(result).to.include({ images: 3, skipped: 1, resamples: 500 })
    expect(result.estimate).to.be.closeTo(0.7, 1e-15)
    expect([result.low, result.high].map((v) => Math.round(v * 1e6) / 1e6)).to.deep.equal([0.6, 0.8])
    expect(result.standardError).to.be.closeTo(Math.sqrt(0.02 / 3 / 3), 0.01)
    expect((await meanInterval([0.5])).reason).to.include('single image')
    expect((await meanInterval([Number.NaN])).reason).to.include('no image')
    const error = await meanInterval([1, Infinity]).catch((reason) => reason)
    expect(error.message).to.include('values[1]')
  })
})
