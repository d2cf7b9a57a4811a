import { expect } from 'chai'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { calibrateThreshold } from '../../lib/evaluation/calibrate.ts'
import { calibrateImages } from '../../lib/evaluation/calibrate-images.ts'
import { evaluateImages } from '../../lib/evaluation/evaluate-images.ts'
import { evaluationCsv, evaluationJson } from '../../lib/evaluation/export.ts'
import { OpenSetMetrics } from '../../lib/evaluation/open-set.ts'
import type { ScoredImage, ScoredImages } from '../../lib/evaluation/scored-image.ts'
import { random } from '../../lib/random.ts'
import { SCORE_NAMES, type ScoreName } from '../../lib/scores.ts'

const SIZE = [20, 30] as const
const PIXELS = SIZE[0] * SIZE[1]
const CLASSES = ['road', 'car', 'sky']

/** Images with labels, predictions that are right four times in five, and scores that find anomalies more or less. */
function makeImages(count: number, anomalies = true): ScoredImage[] {
  return Array.from({ length: count }, (_, index) => {
    const rng = random(7, index)
    const labels = Uint8Array.from({ length: PIXELS }, () => {
      const draw = rng.uniform()
      return draw < 0.1 ? (anomalies ? 254 : 255) : draw < 0.15 ? 255 : rng.integer(0, 2)
    })
    const closed = labels.map((label) => (label < 3 && rng.uniform() < 0.8 ? label : rng.integer(0, 2)))
    const scores = Object.fromEntries(
      SCORE_NAMES.map((name, s) => [
        name,
        Float32Array.from(labels, (label) => rng.normal() + (label === 254 ? 2.5 - 0.3 * s : 0)),
      ]),
    )
    return { id: `image-${index}`, size: SIZE, labels, closed, scores }
  })
}

/** Counts how often the images are read, and with which scores. */
function source(
  images: ScoredImage[],
  classes: readonly string[] = CLASSES,
): ScoredImages & { reads: ScoreName[][] } {
  const reads: ScoreName[][] = []
  return {
    reads,
    name: 'generated',
    classes,
    length: images.length,
    pixelsPerImage: async () => PIXELS,
    async *read(scores) {
      reads.push([...scores])
      for (const { id, size, labels, closed, scores: all } of images) {
        yield {
          id,
          size,
          labels,
          closed,
          scores: Object.fromEntries(scores.map((name) => [name, all[name]])),
        }
      }
    },
  }
}

/** The metrics of one detector computed directly. */
function direct(images: readonly ScoredImage[], detector: ScoreName) {
  const metrics = new AnomalyMetrics({ tpr: 0.95, convention: 'a' })
  for (const { labels, scores } of images) {
    metrics.add(
      scores[detector],
      labels.map((label) => (label === 254 ? 1 : label === 255 ? 2 : 0)),
    )
  }
  return metrics
}

function openSetAt(images: readonly ScoredImage[], detector: ScoreName, threshold: number) {
  const metrics = new OpenSetMetrics({ classes: CLASSES })
  for (const { labels, closed, scores } of images) {
    const open = closed!.map((label, i) => (scores[detector][i] > threshold ? 3 : label))
    metrics.add({ labels, closed: closed!, open })
  }
  return metrics.result()
}

describe('evaluateImages', () => {
  const images = makeImages(5)

  it('gives the metrics of every detector, and open-mIoU at its own threshold', async () => {
    const images6 = source(images)
    const { detectors, closedMIoU, openSet } = await evaluateImages(images6)
    expect(detectors.map(({ detector }) => detector)).to.deep.equal(SCORE_NAMES)
    for (const { detector, ...result } of detectors) {
      const expected = direct(images, detector).result()
      expect(result).to.deep.include(expected)
      const own = openSetAt(images, detector, expected.threshold)
      expect(result.openSet).to.deep.include({ ...own, threshold: expected.threshold, thresholdFrom: 'self' })
    }
    expect(closedMIoU).to.equal(detectors[0].openSet?.closedMIoU)
    expect(openSet).to.deep.equal(detectors[0].openSet)
    expect(images6.reads).to.deep.equal([SCORE_NAMES, SCORE_NAMES])
  })

  it('needs one pass when all thresholds are given, and uses them', async () => {
    const once = source(images)
    const thresholds = { hybrid: 0.5, entropy: 1 }
    const { detectors, openSet } = await evaluateImages(once, {
      detectors: ['hybrid', 'entropy'],
      thresholds,
      threshold: 2,
    })
    expect(once.reads).to.deep.equal([['hybrid', 'entropy']])
    for (const { detector, openSet: own } of detectors) {
      const threshold = thresholds[detector as 'hybrid']
      expect(own).to.deep.include({
        ...openSetAt(images, detector, threshold),
        threshold,
        thresholdFrom: 'given',
      })
    }
    expect(openSet).to.deep.include({ ...openSetAt(images, 'hybrid', 2), threshold: 2, detector: 'hybrid' })
  })

  it('gives the same in little memory, detector by detector', async () => {
    const options = { perImage: true, threshold: 1 }
    const wide = await evaluateImages(source(images), options)
    const narrow = source(images)
    const result = await evaluateImages(narrow, { ...options, memory: 1 })
    expect(narrow.reads).to.have.length(7)
    expect(result.detectors).to.deep.equal(wide.detectors)
    expect(result.openSet).to.deep.equal(wide.openSet)
    expect(result.perImage).to.have.deep.members(wide.perImage as object[])
  })

  it('computes the hybrid score for τ also where it is not among the detectors', async () => {
    const { detectors, openSet } = await evaluateImages(source(images), {
      detectors: ['entropy'],
      threshold: 1,
    })
    expect(detectors).to.have.length(1)
    expect(openSet).to.deep.include(openSetAt(images, 'hybrid', 1))
  })

  it('leaves out mIoU where there are no class labels', async () => {
    const masks = images.map((image) => ({
      ...image,
      labels: image.labels.map((label) => (label < 3 ? 0 : label)),
    }))
    const once = source(masks, [])
    const evaluation = await evaluateImages(once, { detectors: ['hybrid'] })
    expect(evaluation).not.to.have.any.keys('closedMIoU', 'openSet')
    expect(evaluation.detectors[0]).not.to.have.property('openSet')
    expect(once.reads).to.have.length(1)
    expect(evaluation.detectors[0].ap).to.equal(direct(masks, 'hybrid').result().ap)
  })

  it('still measures closed mIoU where there is no anomaly, and says why the rest is undefined', async () => {
    const inliers = makeImages(2, false)
    const { detectors, closedMIoU, openSet } = await evaluateImages(source(inliers), {
      detectors: ['hybrid'],
    })
    expect(detectors[0].ap).to.be.NaN
    expect(detectors[0].reason).to.match(/no anomaly pixel/)
    expect(openSet).to.equal(undefined)
    expect(closedMIoU).to.equal(openSetAt(inliers, 'hybrid', 1e9).closedMIoU)
  })

  it('means over images come with their two treatments, and sweeps with thresholds of the images', async () => {
    const curves: string[] = []
    const { detectors } = await evaluateImages(source(images), {
      detectors: ['hybrid', 'entropy'],
      thresholds: { hybrid: 0.5 },
      perImage: true,
      sweep: [0.5, 0.9],
      onCurve: (detector, { tp }) => void curves.push(`${detector} ${tp.length > 100}`),
    })
    expect(curves).to.deep.equal(['hybrid true', 'entropy true'])
    for (const { detector, means, sweep, openSet } of detectors) {
      const each = images.map((image) => direct([image], detector).result().ap)
      expect(means!.withoutAnomalySkipped.ap).to.be.closeTo(each.reduce((a, b) => a + b) / each.length, 1e-12)
      expect(sweep!.map(({ targetTpr }) => targetTpr)).to.deep.equal([0.5, 0.9])
      for (const { targetTpr: tpr, threshold, openMIoU } of sweep!) {
        expect(threshold).to.equal(calibrateThreshold(direct(images, detector), { tpr }).threshold)
        expect(openMIoU).to.equal(openSetAt(images, detector, threshold).openMIoU)
      }
      expect(openSet!.thresholdFrom).to.equal(detector === 'hybrid' ? 'given' : 'self')
    }
    const wrong = await evaluateImages(source(images), { sweep: [2] }).catch((reason) => reason)
    expect(wrong).to.have.property('code', 'INVALID_ARGUMENT')
  })

  it('counts progress over all passes and stops on abort', async () => {
    const seen: string[] = []
    await evaluateImages(source(images), {
      onProgress: ({ done, total, pass, passes }) => seen.push(`${done}/${total} ${pass}/${passes}`),
    })
    expect(seen[0]).to.equal('1/10 1/2')
    expect(seen[5]).to.equal('6/10 2/2')
    expect(seen).to.have.length(10)
    const controller = new AbortController()
    const aborted = evaluateImages(source(images), {
      signal: controller.signal,
      onProgress: ({ done }) => done === 3 && controller.abort(),
    })
    const error = await aborted.catch((reason) => reason)
    expect(error).to.have.property('code', 'ABORTED')
  })

  it('refuses options that it does not know or cannot use, before any image is read', async () => {
    const wrong: [object, string][] = [
      [{ convntion: 'c' }, 'Unknown option "convntion"'],
      [{ convention: 'd' }, 'options.convention'],
      [{ absent: 'zeros' }, 'options.absent'],
      [{ threshold: Number.NaN }, 'options.threshold'],
      [{ threshold: null }, 'options.threshold'],
      [{ thresholds: { hybrid: 'high' } }, 'options.thresholds.hybrid'],
      [{ memory: Number.NaN }, 'options.memory'],
      [{ detectors: [] }, 'options.detectors'],
      [{ detectors: ['hybird'] }, 'scores[0]'],
      [{ smiyc: 'obstacles' }, 'options.smiyc'],
      [{ bootstrap: { resamples: 1 } }, 'options.resamples'],
      [{ bootstrap: {}, convention: 'f' }, 'options.convention'],
    ]
    for (const [options, text] of wrong) {
      const set = source(images)
      const error = await evaluateImages(set, options as never).catch((reason) => reason)
      expect(error, text).to.have.property('code', 'INVALID_ARGUMENT')
      expect(error.message).to.include(text)
      expect(set.reads).to.deep.equal([])
    }
    const error = await calibrateImages(source(images), { tprs: 0.5 } as never).catch((reason) => reason)
    expect(error.message).to.include('Unknown option "tprs"')
  })

  it('refuses an empty set', async () => {
    const error = await evaluateImages(source([])).catch((reason) => reason)
    expect(error).to.have.property('code', 'EMPTY')
  })

  it('is written as JSON without NaN and as CSV with one line an image and detector', async () => {
    const odd = [...makeImages(1, false), { ...images[0], id: 'a, "b"' }]
    const evaluation = await evaluateImages(source(odd), { detectors: ['hybrid', 'entropy'], perImage: true })
    expect(JSON.parse(evaluationJson(evaluation)).perImage[2].ap).to.equal(null)
    const lines = evaluationCsv(evaluation).trimEnd().split('\n')
    expect(lines).to.have.length(5)
    expect(lines[0]).to.equal('image,detector,ap,auroc,fpr95_a,positives,negatives,ignored,reason')
    expect(lines[1]).to.match(/^"a, ""b""",hybrid,0\.\d+,0\.\d+,0\.\d+,\d+,\d+,\d+,$/)
    expect(lines[3]).to.match(/^image-0,hybrid,,,,0,\d+,\d+,"there is no anomaly pixel, .*"$/)
  })
})

describe('calibrateImages', () => {
  it('gives the threshold of every detector, in any memory', async () => {
    const images = makeImages(4)
    const result = await calibrateImages(source(images))
    for (const name of SCORE_NAMES) {
      expect(result[name]).to.deep.equal(
        calibrateThreshold(direct(images, name), { tpr: 0.95, convention: 'a' }),
      )
    }
    expect(await calibrateImages(source(images), { memory: 1 })).to.deep.equal(result)
    for (const target of ['best-f1', { fpr: 0.1 }] as const) {
      const { entropy } = await calibrateImages(source(images), { target, detectors: ['entropy'] })
      expect(entropy).to.deep.equal(calibrateThreshold(direct(images, 'entropy'), target))
    }
  })
})
