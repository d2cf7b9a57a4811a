import { expect } from 'chai'
import type { NegativeSource } from '../../lib/negatives/types.ts'
import {
  nativeTrainerOptions,
  resolveTrainerOptions,
  type TrainerOptions,
} from '../../lib/training/options.ts'
import { emptySums } from '../../lib/training/progress.ts'
import {
  decodeTrainerState,
  encodeTrainerState,
  type TrainerState,
} from '../../lib/training/trainer-state.ts'
import { thrown } from '../support/image-files.ts'

const source = { name: 'none', sample: async () => Promise.reject(new Error('unused')) } as NegativeSource

describe('trainer options', () => {
  it('default to the published values', () => {
    expect(resolveTrainerOptions({ objective: 'closed-set' })).to.deep.equal({
      objective: 'closed-set',
      flowLearningRate: 1e-5,
      jsdWeight: 0.03,
      flowThroughSegmentation: false,
      betaX: 0.03,
      betaD: 0.3,
      learningRate: 4e-4,
      minLearningRate: 1e-7,
      backboneFactor: 0.25,
      betas: [0.9, 0.999],
      eps: 1e-7,
      weightDecay: 0,
      clipNorm: 0,
      batchNormMomentum: 0.01,
      freeze: 'nothing',
      gradientCheckpointing: 'auto',
      precision: 'float32',
      schedule: 'cosine-epoch',
      seed: 0,
      ignoreInDatasetPosterior: 'exclude',
      meanLogitShift: true,
    })
    expect(resolveTrainerOptions({ objective: 'hybrid', negatives: source }).learningRate).to.equal(1e-5)
  })

  it('keep β_d = 10 β_x unless it is given', () => {
    const options = { objective: 'hybrid', negatives: source, betaX: 0.01 } as const
    expect(resolveTrainerOptions(options).betaD).to.equal(0.1)
    expect(resolveTrainerOptions({ ...options, betaD: 0 }).betaD).to.equal(0)
  })

  it('need negatives for the hybrid objective, or a word that batches hold them', () => {
    const error = thrown(() => resolveTrainerOptions({ objective: 'hybrid' }), 'INVALID_ARGUMENT')
    expect(error.message).to.contain('negatives')
    expect(error.hint).to.contain('null')
    expect(resolveTrainerOptions({ objective: 'hybrid', negatives: null }).objective).to.equal('hybrid')
    thrown(() => resolveTrainerOptions({ objective: 'closed-set', negatives: source }), 'INVALID_ARGUMENT')
    const broken = { objective: 'hybrid', negatives: {} } as unknown as TrainerOptions
    thrown(() => resolveTrainerOptions(broken), 'INVALID_ARGUMENT')
  })

  it('name the option that is wrong', () => {
    const wrong: [string, unknown][] = [
      ['betaX', -1],
      ['learningRate', Number.NaN],
      ['minLearningRate', 1],
      ['betas', [0.9, 1]],
      ['betas', 0.9],
      ['eps', 0],
      ['clipNorm', '1'],
      ['batchNormMomentum', 1.5],
      ['precision', 'fp16'],
      ['schedule', 'cosine'],
      ['seed', 0.5],
      ['ignoreInDatasetPosterior', 'ignore'],
      ['meanLogitShift', 1],
    ]
    for (const [name, value] of wrong) {
      const options = { objective: 'closed-set', [name]: value } as TrainerOptions
      expect(thrown(() => resolveTrainerOptions(options), 'INVALID_ARGUMENT').message).to.contain(name)
    }
  })

  it('find the option that was meant', () => {
    const options = { objective: 'closed-set', lerningRate: 1 } as TrainerOptions
    expect(thrown(() => resolveTrainerOptions(options), 'INVALID_ARGUMENT').hint).to.contain('learningRate')
    const objective = { objective: 'hybird' } as unknown as TrainerOptions
    expect(thrown(() => resolveTrainerOptions(objective), 'INVALID_ARGUMENT').hint).to.contain('hybrid')
  })

  it('reach the native side with the label values of the package', () => {
    const native = nativeTrainerOptions(resolveTrainerOptions({ objective: 'hybrid', negatives: source }))
    expect(native.loss).to.deep.equal({
      betaX: 0.03,
      betaD: 0.3,
      ignore: 255,
      negative: 254,
      ignoreInDatasetPosterior: 'exclude',
      meanLogitShift: true,
    })
  })
})

describe('trainer state', () => {
  const state: TrainerState = {
    format: 1,
    options: resolveTrainerOptions({ objective: 'hybrid', negatives: source }),
    negatives: 'none',
    flow: false,
    device: 'cpu',
    segmenterPrecision: 'float32',
    epoch: 3,
    batch: 5,
    step: 47,
    batchesPerEpoch: 14,
    sums: { ...emptySums(), total: 0.1 + 0.2 },
    history: [
      { epoch: 0, losses: { total: 1, cls: 1, x: 0, d: 0 }, learningRate: 1e-5 },
      {
        epoch: 0,
        losses: { total: 1 / 3, cls: 1, x: -2, d: 0 },
        learningRate: 1e-5,
        validation: { mIoU: 0.5 },
      },
    ],
  }

  it('survives a round trip', () => {
    expect(decodeTrainerState(encodeTrainerState(state), 'run')).to.deep.equal(state)
  })

  it('is told apart from a model and from a newer state', () => {
    expect(
      thrown(() => decodeTrainerState({ densehybrid: '{}' }, 'run/a'), 'INVALID_FILE').message,
    ).to.contain('run/a')
    const newer = { 'densehybrid.trainer': JSON.stringify({ ...state, format: 2 }) }
    thrown(() => decodeTrainerState(newer, 'run'), 'INVALID_FILE')
    thrown(() => decodeTrainerState({ 'densehybrid.trainer': '{' }, 'run'), 'INVALID_FILE')
  })
})
