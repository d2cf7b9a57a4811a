import { expect } from 'chai'
import fc from 'fast-check'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { calibrateThreshold } from '../../lib/evaluation/calibrate.ts'

/** Anomalies 8, 6, 4, 2; inliers 7, 5, 3, 1, 1. */
const metrics = new AnomalyMetrics().add(
  new Float32Array([8, 6, 4, 2, 7, 5, 3, 1, 1]),
  new Uint8Array([1, 1, 1, 1, 0, 0, 0, 0, 0]),
)
const only = (target: number) => new AnomalyMetrics().add(new Float32Array([1]), new Uint8Array([target]))

describe('calibrateThreshold', () => {
  it('finds the threshold of a TPR by convention and tells what score > threshold gives', () => {
    expect(calibrateThreshold(metrics)).to.deep.equal({
      threshold: 2,
      tpr: 1,
      fpr: 3 / 5,
      convention: 'a',
      applied: { tpr: 3 / 4, fpr: 3 / 5 },
    })
    expect(calibrateThreshold(metrics, { tpr: 0.5 })).to.include({ threshold: 4, tpr: 0.75, convention: 'a' })
    expect(calibrateThreshold(metrics, { tpr: 0.5, convention: 'c' })).to.deep.equal({
      threshold: 6,
      tpr: 0.5,
      fpr: 1 / 5,
      convention: 'c',
      applied: { tpr: 1 / 4, fpr: 1 / 5 },
    })
    expect(calibrateThreshold(metrics, { tpr: 0.5, convention: 'e' }).threshold).to.equal(5)
  })

  it('finds the lowest threshold of an FPR', () => {
    expect(calibrateThreshold(metrics, { fpr: 0.4 })).to.deep.equal({
      threshold: 4,
      tpr: 3 / 4,
      fpr: 2 / 5,
      convention: 'fpr',
      applied: { tpr: 1 / 2, fpr: 2 / 5 },
    })
    expect(calibrateThreshold(metrics, { fpr: 0.39 })).to.include({ threshold: 6, fpr: 0.2 })
    expect(calibrateThreshold(metrics, { fpr: 0 })).to.deep.include({
      threshold: 8,
      applied: { tpr: 0, fpr: 0 },
    })
    const inlierOnTop = new AnomalyMetrics().add(new Float32Array([2, 1]), new Uint8Array([0, 1]))
    expect(() => calibrateThreshold(inlierOnTop, { fpr: 0.5 })).to.throw(
      'at least 1, the FPR of the highest score',
    )
  })

  it('finds the best F1, the highest threshold of equals', () => {
    // F1 at 8, 7, 6, 5, 4, 3, 2, 1: 2/5, 2/6, 4/7, 4/8, 6/9, 6/10, 8/11, 8/13
    expect(calibrateThreshold(metrics, 'best-f1')).to.include({ threshold: 2, convention: 'best-f1' })
    const tied = new AnomalyMetrics().add(new Float32Array([4, 3, 2, 1]), new Uint8Array([1, 0, 0, 1]))
    // 2/3, 2/4, 2/5, 4/6
    expect(calibrateThreshold(tied, 'best-f1').threshold).to.equal(4)
  })

  it('takes a curve instead of metrics', () => {
    expect(calibrateThreshold(metrics.curve(), { tpr: 0.5 })).to.deep.equal(
      calibrateThreshold(metrics, { tpr: 0.5 }),
    )
    expect(() => calibrateThreshold({} as never)).to.throw('AnomalyMetrics or a curve')
  })

  it('refuses sets that lack the pixels it needs', () => {
    for (const target of [{ tpr: 0.9 }, 'best-f1'] as const) {
      expect(() => calibrateThreshold(only(0), target))
        .to.throw('no anomaly pixel')
        .with.property('code', 'EMPTY')
      expect(() => calibrateThreshold(new AnomalyMetrics(), target)).to.throw('no valid pixel')
    }
    expect(() => calibrateThreshold(only(1), { fpr: 0.1 }))
      .to.throw('no inlier pixel')
      .with.property('code', 'EMPTY')
    expect(calibrateThreshold(only(1)).fpr).to.be.NaN
  })

  it('refuses targets that make no sense', () => {
    expect(() => calibrateThreshold(metrics, { tpr: 1 })).to.throw('target.tpr')
    expect(() => calibrateThreshold(metrics, { tpr: 1.5, convention: 'c' })).to.throw('target.tpr')
    expect(() => calibrateThreshold(metrics, { fpr: 1 })).to.throw('target.fpr')
    expect(() => calibrateThreshold(metrics, { convention: 'd' as never })).to.throw('a, b, c, e or f')
    expect(() => calibrateThreshold(metrics, { trp: 0.9 } as never)).to.throw('Unknown option "trp"')
    expect(() => calibrateThreshold(metrics, { fpr: 0.1, tpr: 0.9 } as never)).to.throw(
      'Unknown option "tpr"',
    )
    expect(() => calibrateThreshold(metrics, 'best-f2' as never)).to.throw('best-f1')
  })

  it('has the rates it claims, under both rules of comparison', () => {
    const pixel = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(0, 1))
    const pixels = fc.array(pixel).map((list): [number, number][] => [...list, [5, 1], [5, 0]])
    const targets = fc.constantFrom({ tpr: 0.5 }, { tpr: 0.95, convention: 'b' as const }, 'best-f1' as const)
    fc.assert(
      fc.property(pixels, targets, (list, target) => {
        const scores = new Float32Array(list.map((p) => p[0]))
        const data = new AnomalyMetrics().add(scores, new Uint8Array(list.map((p) => p[1])))
        const { threshold, tpr, fpr, applied } = calibrateThreshold(data, target)
        const rate = (label: number, rejects: (score: number) => boolean) => {
          const ofLabel = list.filter((p) => p[1] === label)
          return ofLabel.filter((p) => rejects(p[0])).length / ofLabel.length
        }
        expect([tpr, fpr]).to.deep.equal([rate(1, (s) => s >= threshold), rate(0, (s) => s >= threshold)])
        const strictly = { tpr: rate(1, (s) => s > threshold), fpr: rate(0, (s) => s > threshold) }
        expect(applied).to.deep.equal(strictly)
      }),
    )
  })
})
