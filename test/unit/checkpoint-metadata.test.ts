import { expect } from 'chai'
import type { NativeAddon } from '../../lib/binding/native.ts'
import {
  CHECKPOINT_FORMAT,
  type CheckpointMetadata,
  decodeMetadata,
  encodeMetadata,
  mergeMetadata,
  newMetadata,
  readCheckpointMetadata,
} from '../../lib/checkpoint.ts'
import { rejection, thrown } from '../support/image-files.ts'

const metadata: CheckpointMetadata = {
  format: CHECKPOINT_FORMAT,
  architecture: 'ladder-mobilenetv2',
  options: { padding: 'same', batchNorm: false },
  classes: ['Road', 'Straße', 'sky "blue"'],
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.1, 1 / 3],
  threshold: -1.0000000000000002,
  calibration: { tpr: 0.95, convention: 'a' },
  hybrid: true,
  user: { run: 7 },
}

function stored(changes: object): Record<string, string> {
  return { densehybrid: JSON.stringify({ ...metadata, ...changes }) }
}

/** A native addon that knows one architecture and reads one header. */
function fakeNative(entries: Record<string, string>): NativeAddon {
  const architecture = {
    name: 'ladder-mobilenetv2',
    mean: [0, 0, 0],
    std: [1, 1, 1],
    options: { padding: 'torch', batchNorm: true },
    stride: 4,
  }
  return {
    architectures: () => [architecture],
    readSafetensorsHeader: async () => ({ tensors: {}, metadata: entries }),
  } as unknown as NativeAddon
}

describe('checkpoint metadata', () => {
  it('survives a round trip to the last bit', () => {
    expect(decodeMetadata(encodeMetadata(metadata), 'm.safetensors')).to.deep.equal(metadata)
  })

  it('starts without threshold, with the d_out head untrained', () => {
    const config = { ...metadata, classes: 3, seed: 0, device: 'cpu' }
    const made = newMetadata(config, metadata.classes)
    expect(made.hybrid).to.equal(false)
    expect(made).not.to.have.property('threshold')
    expect(decodeMetadata(encodeMetadata(made), 'm')).to.deep.equal(made)
  })

  it('says that a file without entry is no checkpoint', () => {
    const error = thrown(() => decodeMetadata({ source: 'elsewhere' }, 'a/b.safetensors'), 'INVALID_FILE')
    expect(error.message).to.contain('a/b.safetensors')
    expect(error.hint).to.contain('weights')
  })

  it('refuses a newer format and says what to do', () => {
    const error = thrown(() => decodeMetadata(stored({ format: 2 }), 'm.safetensors'), 'INVALID_FILE')
    expect(error.message).to.match(/m\.safetensors.*format 2/)
    expect(error.hint).to.contain('update')
  })

  it('names the damaged field', () => {
    const broken: [object, string][] = [
      [{ mean: [0, 0] }, 'mean'],
      [{ classes: [] }, 'classes'],
      [{ classes: ['a', 3] }, 'classes.1'],
      [{ threshold: 'high' }, 'threshold'],
      [{ hybrid: undefined }, 'hybrid'],
      [{ format: undefined }, 'format'],
    ]
    for (const [change, field] of broken) {
      const error = thrown(() => decodeMetadata(stored(change), 'm.safetensors'), 'INVALID_FILE')
      expect(error.message).to.contain('m.safetensors').and.to.contain(field)
    }
  })

  it('refuses what is not JSON, or no object', () => {
    for (const densehybrid of ['{"format":1', 'null', '[]', '1'])
      thrown(() => decodeMetadata({ densehybrid }, 'm'), 'INVALID_FILE')
  })

  it('refuses an architecture and an option that this version lacks', async () => {
    const other = readCheckpointMetadata(
      fakeNative(stored({ architecture: 'ladder-mobilenetv3' })),
      'm.safetensors',
    )
    const error = await rejection(other, 'ARCHITECTURE_MISMATCH')
    expect(error.message).to.contain('ladder-mobilenetv3').and.to.contain('m.safetensors')
    expect(error.hint).to.contain('ladder-mobilenetv2')
    const option = readCheckpointMetadata(fakeNative(stored({ options: { dropout: 0.1 } })), 'm.safetensors')
    expect((await rejection(option, 'ARCHITECTURE_MISMATCH')).message).to.contain('dropout')
  })
})

describe('what save adds', () => {
  it('keeps the threshold unless another is given', () => {
    expect(mergeMetadata(metadata, { note: 'x' })).to.deep.equal({ ...metadata, user: { run: 7, note: 'x' } })
  })

  it('drops the old calibration with the old threshold', () => {
    const merged = mergeMetadata(metadata, { threshold: 2 })
    expect(merged.threshold).to.equal(2)
    expect(merged.calibration).to.equal(undefined)
    const cleared = decodeMetadata(encodeMetadata(mergeMetadata(metadata, { threshold: null })), 'm')
    expect(cleared).not.to.have.property('threshold')
    expect(cleared).not.to.have.property('calibration')
  })

  it('takes a calibration with its threshold', () => {
    const merged = mergeMetadata(metadata, { threshold: 2, calibration: { tpr: 0.9 } })
    expect(merged.calibration).to.deep.equal({ tpr: 0.9 })
  })

  it('refuses what is no threshold or no JSON', () => {
    thrown(() => mergeMetadata(metadata, { threshold: Number.NaN }), 'INVALID_ARGUMENT')
    thrown(() => mergeMetadata(metadata, { threshold: '1' as unknown as number }), 'INVALID_ARGUMENT')
    thrown(() => encodeMetadata(mergeMetadata(metadata, { big: 1n })), 'INVALID_ARGUMENT')
  })
})
