import { expect } from 'chai'
import {
  CHECKPOINT_FORMAT,
  type CheckpointMetadata,
  decodeMetadata,
  encodeMetadata,
  newMetadata,
} from '../../lib/checkpoint.ts'
import { classColours } from '../../lib/palette.ts'
import {
  advanceRecord,
  beginRecord,
  resumeRecord,
  type TrainingRecord,
} from '../../lib/training/training-record.ts'
import { thrown } from '../support/image-files.ts'

const losses = { total: 1.5, cls: 1.25, x: 0.25, d: 0 }
const camvid = { spec: 'camvid:CamVid?split=train', name: 'camvid (train)', length: 367 }
const record: TrainingRecord = {
  objective: 'hybrid',
  version: '0.1.0',
  epochs: 3,
  steps: 12,
  losses,
  config: { lr: 0.1, crop: [256, 256], data: [camvid.spec], flow: null },
  data: [{ ...camvid, hash: 'ab', hashOf: 'files' }],
  negatives: [{ name: 'scenes (negatives)' }],
  previous: { objective: 'closed-set', version: '0.1.0', epochs: 60, steps: 2760 },
}

const metadata: CheckpointMetadata = {
  format: CHECKPOINT_FORMAT,
  architecture: 'ladder-densenet-tiny',
  options: {},
  classes: ['Road', 'Sky'],
  palette: [
    [128, 64, 128],
    [128, 128, 128],
  ],
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  hybrid: true,
  training: record,
  user: {},
}
const stored = (changes: object) => ({ densehybrid: JSON.stringify({ ...metadata, ...changes }) })

/** How many trainings a record tells of. */
function depth({ previous }: TrainingRecord): number {
  return previous === undefined ? 1 : 1 + depth(previous)
}

describe('palette and training in the metadata of a checkpoint', () => {
  it('survive a round trip', () => {
    expect(decodeMetadata(encodeMetadata(metadata), 'm')).to.deep.equal(metadata)
  })

  it('may be absent, as in older checkpoints', () => {
    const decoded = decodeMetadata(stored({ palette: undefined, training: undefined }), 'm')
    expect(decoded).not.to.have.any.keys('palette', 'training')
    expect(decoded.classes).to.deep.equal(metadata.classes)
  })

  it('a new model states its palette, given or decided by the names', () => {
    const config = { ...metadata, classes: 2, seed: 0, device: 'cpu' }
    expect(newMetadata(config, ['Road', 'Sky']).palette).to.deep.equal(classColours(['Road', 'Sky']))
    expect(newMetadata(config, ['Road', 'Sky'], metadata.palette).palette).to.deep.equal(metadata.palette)
  })

  it('are refused where they are damaged, by name', () => {
    const colour = [1, 2, 3]
    const broken: [object, string][] = [
      [{ palette: [colour] }, '"palette"'],
      [{ palette: [colour, colour, colour] }, '"palette"'],
      [{ palette: [colour, [1, 2]] }, 'palette.1'],
      [{ palette: [colour, [1, 2, 256]] }, 'palette.1.2'],
      [{ palette: 'red' }, 'palette'],
      [{ training: [] }, 'training'],
      [{ training: { ...record, steps: -1 } }, 'training.steps'],
      [{ training: { ...record, objective: undefined } }, 'training.objective'],
      [{ training: { ...record, data: [{ name: 'x', hashOf: 'bytes' }] } }, 'training.data.0.hashOf'],
      [{ training: { ...record, previous: { objective: 'closed-set' } } }, 'training.previous'],
    ]
    for (const [change, field] of broken) {
      const { message } = thrown(() => decodeMetadata(stored(change), 'm.safetensors'), 'INVALID_FILE')
      expect(message).to.include('m.safetensors').and.to.include(field)
    }
  })

  it('a file with very many earlier trainings does no harm', () => {
    const deep = `${'{"objective":"o","version":"v","epochs":1,"steps":1,"previous":'.repeat(5000)}null${'}'.repeat(5000)}`
    const entry = JSON.stringify({ ...metadata, training: 0 }).replace('"training":0', `"training":${deep}`)
    const { training } = decodeMetadata({ densehybrid: entry }, 'm')
    expect(depth(training as TrainingRecord)).to.equal(4)
  })
})

describe('training records', () => {
  it('begin without steps and keep the earlier training, at most three', () => {
    const known = { config: { lr: 1 }, data: record.data }
    const begun = beginRecord(record, 'closed-set', known)
    expect(begun).to.deep.include({ ...known, objective: 'closed-set', epochs: 0, steps: 0 })
    expect(begun.version).to.match(/^\d+\.\d+\.\d+/)
    expect(begun.previous).to.deep.equal(record)
    let many = beginRecord(undefined, 'first', {})
    expect(many).not.to.have.property('previous')
    for (const objective of ['second', 'third', 'fourth', 'fifth', 'sixth'])
      many = beginRecord(many, objective, {})
    expect(depth(many)).to.equal(4)
    expect(many.previous?.previous?.previous?.objective).to.equal('third')
    expect(decodeMetadata(stored({ training: many }), 'm').training).to.deep.equal(many)
  })

  it('say how far the training is, but not before its first step', () => {
    const now = { objective: 'hybrid', epochs: 1, steps: 4 }
    const begun = beginRecord(undefined, 'closed-set', {})
    expect(advanceRecord(begun, now, losses)).to.deep.equal({ ...begun, ...now, losses })
    expect(advanceRecord(record, { ...now, epochs: 0, steps: 0 }, undefined)).to.equal(record)
    expect(advanceRecord(undefined, now, losses)).to.equal(undefined)
  })

  it('of a resumed run have its present options, and changed data beside the old', () => {
    const same = resumeRecord(record, { config: { lr: 2 }, data: record.data, negatives: record.negatives })
    expect(same).to.deep.equal({ ...record, version: same.version, config: { lr: 2 } })
    const changed = { ...camvid, hash: 'cd', hashOf: 'files' } as const
    const resumed = resumeRecord(record, { data: [changed] })
    expect(resumed.data).to.deep.equal([...(record.data ?? []), changed])
    expect(resumed.negatives).to.deep.equal(record.negatives)
    expect(resumed.config).to.deep.equal(record.config)
  })
})
