import { expect } from 'chai'
import { refuseOtherKinds } from '../../lib/checkpoint-kind.ts'
import { thrown } from '../support/image-files.ts'

const MODEL = { densehybrid: '{}' }
const FLOW = { 'densehybrid.flow': '{}' }
const TRAINER = { ...MODEL, 'densehybrid.trainer': '{}' }
const FLOW_TRAINER = { ...FLOW, 'densehybrid.flow-trainer': '{}' }

describe('kinds of checkpoints', () => {
  it('lets the wanted kind pass, and files from elsewhere', () => {
    refuseOtherKinds(MODEL, 'densehybrid', 'a')
    refuseOtherKinds(FLOW, 'densehybrid.flow', 'a')
    refuseOtherKinds(TRAINER, 'densehybrid.trainer', 'a')
    refuseOtherKinds(FLOW_TRAINER, 'densehybrid.flow-trainer', 'a')
    refuseOtherKinds({ format: 'pt' }, 'densehybrid', 'a')
  })

  it('says what another file is, and where it belongs', () => {
    const refuse = (entries: Record<string, string>, wanted: 'densehybrid' | 'densehybrid.flow') => {
      const { message, hint } = thrown(() => refuseOtherKinds(entries, wanted, 'a'), 'INVALID_FILE')
      return `${message} ${hint}`
    }
    expect(refuse(FLOW, 'densehybrid')).to.match(
      /^a is a checkpoint of a flow, not a checkpoint of a Segmenter\. .*--flow/,
    )
    expect(refuse(TRAINER, 'densehybrid')).to.match(
      /^a is the state of a Trainer, .*model\.safetensors beside it/,
    )
    expect(refuse(MODEL, 'densehybrid.flow')).to.match(/^a is a checkpoint of a Segmenter, .*--model/)
    expect(refuse(FLOW_TRAINER, 'densehybrid.flow')).to.match(
      /^a is the state of a FlowTrainer, .*flow\.safetensors beside it/,
    )
    expect(refuse(TRAINER, 'densehybrid.flow')).to.match(/^a is the state of a Trainer/)
  })
})
