import { expect } from 'chai'
import { type FlowTrainerOptions, resolveFlowTrainerOptions } from '../../lib/training/flow-options.ts'
import { addStep, decodeFlowState, FLOW_TRAINER_KEY, newFlowState } from '../../lib/training/flow-state.ts'
import { thrown } from '../support/image-files.ts'

describe("options of a flow's trainer", () => {
  it('have defaults', () => {
    expect(resolveFlowTrainerOptions()).to.deep.equal({
      learningRate: 1e-3,
      minLearningRate: 1e-5,
      schedule: 'cosine-step',
      betas: [0.9, 0.999],
      eps: 1e-7,
      clipNorm: 100,
      seed: 0,
    })
    expect(resolveFlowTrainerOptions({ learningRate: 1e-6 }).minLearningRate).to.equal(1e-6)
  })

  const wrong: [string, unknown][] = [
    ['learningRate', Number.NaN],
    ['learningRate', -1],
    ['minLearningRate', 1],
    ['schedule', 'cosine'],
    ['betas', [0.9, 1]],
    ['eps', 0],
    ['clipNorm', Number.POSITIVE_INFINITY],
    ['seed', 0.5],
  ]
  for (const [name, value] of wrong) {
    it(`refuse ${name} ${String(value)}`, () => {
      const options = { [name]: value } as FlowTrainerOptions
      expect(thrown(() => resolveFlowTrainerOptions(options), 'INVALID_ARGUMENT').message).to.contain(name)
    })
  }

  it('find the option that was meant', () => {
    const options = { lerningRate: 1 } as FlowTrainerOptions
    expect(thrown(() => resolveFlowTrainerOptions(options), 'INVALID_ARGUMENT').hint).to.contain(
      'learningRate',
    )
    thrown(() => resolveFlowTrainerOptions(null as never), 'INVALID_ARGUMENT')
  })
})

describe("state of a flow's trainer", () => {
  const state = newFlowState(resolveFlowTrainerOptions(), 'cpu')
  const entries = (value: unknown) => ({ [FLOW_TRAINER_KEY]: JSON.stringify(value) })

  it('survives a round trip, keeps the first value and the last fifty', () => {
    for (let i = 0; i < 60; i++) addStep(state, 8 - i / 10)
    expect(state).to.include({ step: 60, first: 8 })
    expect(state.recent).to.have.length(50)
    expect(decodeFlowState(entries(state), 'run')).to.deep.equal(state)
  })

  it('is told apart from a flow and from a newer state', () => {
    expect(thrown(() => decodeFlowState({}, 'run/a'), 'INVALID_FILE').message).to.contain('run/a')
    thrown(() => decodeFlowState(entries({ ...state, format: 2 }), 'run'), 'INVALID_FILE')
    thrown(() => decodeFlowState({ [FLOW_TRAINER_KEY]: '{' }, 'run'), 'INVALID_FILE')
  })
})
