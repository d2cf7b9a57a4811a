import { expect } from 'chai'
import { planFit } from '../../lib/training/fit-options.ts'
import { addLosses, emptySums, meanLosses, RateMeter } from '../../lib/training/progress.ts'
import { cosineLearningRate, scheduledLearningRate } from '../../lib/training/schedule.ts'
import { thrown } from '../support/image-files.ts'

const loader = {
  batchesPerEpoch: 7,
  async *epoch() {},
}

describe('learning-rate schedule', () => {
  it('goes from lr to lr_min along half a cosine', () => {
    expect(cosineLearningRate(0, 40, 1e-5, 1e-7)).to.equal(1e-5)
    expect(cosineLearningRate(40, 40, 1e-5, 1e-7)).to.be.closeTo(1e-7, 1e-19)
    expect(cosineLearningRate(20, 40, 1e-5, 1e-7)).to.be.closeTo((1e-5 + 1e-7) / 2, 1e-18)
    // cos(π/3) = 1/2
    expect(cosineLearningRate(40, 120, 4e-4, 0)).to.be.closeTo(3e-4, 1e-16)
  })

  it('is constant when lr = lr_min', () => {
    for (let e = 0; e <= 10; e++) expect(cosineLearningRate(e, 10, 1e-6, 1e-6)).to.equal(1e-6)
  })

  it('refuses an epoch outside of the run', () => {
    expect(thrown(() => cosineLearningRate(11, 10, 1, 0), 'INVALID_ARGUMENT').message).to.contain('epoch')
    thrown(() => cosineLearningRate(0, 0, 1, 0), 'INVALID_ARGUMENT')
  })

  it('changes by epoch, by step or never', () => {
    const at = { epoch: 1, epochs: 4, step: 15, steps: 40 }
    const rate = { learningRate: 1, minLearningRate: 0 }
    expect(scheduledLearningRate({ ...rate, schedule: 'constant' }, at)).to.equal(1)
    expect(scheduledLearningRate({ ...rate, schedule: 'cosine-epoch' }, at)).to.equal(
      cosineLearningRate(1, 4, 1, 0),
    )
    expect(scheduledLearningRate({ ...rate, schedule: 'cosine-step' }, at)).to.equal(
      cosineLearningRate(15, 40, 1, 0),
    )
  })

  it('keeps the last value after the end', () => {
    const options = { schedule: 'cosine-epoch', learningRate: 1, minLearningRate: 0.25 } as const
    expect(scheduledLearningRate(options, { epoch: 9, epochs: 4, step: 0, steps: 1 })).to.equal(0.25)
  })
})

describe('length of a run', () => {
  it('counts epochs in steps and steps in epochs', () => {
    expect(planFit(loader, { epochs: 3 })).to.include({ epochs: 3, steps: 21, checkpointEvery: 1 })
    expect(planFit(loader, { steps: 15 })).to.include({ epochs: 3, steps: 15 })
  })

  it('needs exactly one of epochs and steps', () => {
    thrown(() => planFit(loader, {}), 'INVALID_ARGUMENT')
    thrown(() => planFit(loader, { epochs: 1, steps: 1 }), 'INVALID_ARGUMENT')
  })

  it('names a misspelt option', () => {
    const options = { epochs: 1, onProgres: () => {} }
    expect(thrown(() => planFit(loader, options), 'INVALID_ARGUMENT').hint).to.contain('onProgress')
  })
})

describe('training progress', () => {
  it('means losses over steps', () => {
    const sums = emptySums()
    addLosses(sums, { total: 1, cls: 2, x: -3, d: 4 })
    addLosses(sums, { total: 3, cls: 4, x: -5, d: 0 })
    expect(meanLosses(sums)).to.deep.equal({ total: 2, cls: 3, x: -4, d: 2 })
  })

  it('measures the last steps only', () => {
    const meter = new RateMeter(2)
    expect(meter.rates()).to.deep.equal({ imagesPerSecond: 0, waiting: 0 })
    meter.add(1000, 0, 1)
    meter.add(4, 100, 900)
    meter.add(4, 300, 700)
    expect(meter.rates()).to.deep.equal({ imagesPerSecond: 4, waiting: 0.2 })
  })
})
