import { expect } from 'chai'
import { planNegatives } from '../../lib/cli/finetune-negatives.ts'
import { UsageError } from '../../lib/cli/usage-error.ts'

const plan = (values: object) => planNegatives({ negatives: 'real', flowSides: [16, 216], ...values })

describe('finetune --negatives', () => {
  it('takes the data set of real ones in either place', () => {
    const expected = { real: 'folder:COCO', realProbability: 1 }
    expect(plan({ real: 'folder:COCO' })).to.deep.equal(expected)
    expect(plan({ negatives: 'folder:COCO' })).to.deep.equal(expected)
  })

  it('means S = 0 by synthetic and S = 0.5 by mixed, unless told otherwise', () => {
    const flow = 'flow.safetensors'
    expect(plan({ negatives: 'synthetic', flow })).to.deep.equal({ flow, realProbability: 0 })
    const mixed = { negatives: 'mixed', flow, real: 'scenes:' }
    expect(plan(mixed)).to.deep.equal({ flow, real: 'scenes:', realProbability: 0.5 })
    expect(plan({ ...mixed, realProbability: 0 }).realProbability).to.equal(0)
    expect(plan({ ...mixed, realProbability: 1 }).realProbability).to.equal(1)
  })

  const refused: [string, object][] = [
    ['--negatives real needs --real', {}],
    ['--negatives synthetic needs --flow', { negatives: 'synthetic' }],
    ['--negatives mixed needs --real', { negatives: 'mixed', flow: 'f' }],
    ['--negatives mixed needs --flow', { negatives: 'mixed', real: 'r' }],
    ['--negatives synthetic takes no --real', { negatives: 'synthetic', flow: 'f', real: 'r' }],
    ['--negatives real takes no --flow', { real: 'r', flow: 'f' }],
    ['--negatives real takes no --freeze-flow', { real: 'r', freezeFlow: true }],
    ['--negatives real takes no --real-probability', { real: 'r', realProbability: 0.5 }],
    [
      '--negatives synthetic takes no --real-probability',
      { negatives: 'synthetic', flow: 'f', realProbability: 0 },
    ],
    ['--real needs --negatives real or mixed', { negatives: 'folder:COCO', real: 'r' }],
  ]
  for (const [message, values] of refused) {
    it(`says: ${message}`, () => expect(() => plan(values)).to.throw(UsageError, message))
  }
})
