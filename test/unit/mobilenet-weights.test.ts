import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { isMobileNetTf, mobileNetTfName } from '../../lib/weights/mobilenet-tf.ts'
import { countMatches, renameWeights } from '../../lib/weights/rename.ts'

/** State-dict names of torchvision's MobileNetV2 features with BatchNorm folded: convolutions with a bias. */
function torchvisionNames(): string[] {
  const names = ['0.0']
  for (let block = 1; block <= 17; block++) {
    const places = block === 1 ? ['0.0', '1'] : ['0.0', '1.0', '2']
    names.push(...places.map((place) => `${block}.conv.${place}`))
  }
  names.push('18.0')
  return names.flatMap((name) => [`backbone.features.${name}.weight`, `backbone.features.${name}.bias`])
}

/** Names of the TensorFlow file. */
function tensorflowNames(): string[] {
  const names = ['0']
  for (let block = 1; block <= 17; block++) {
    const parts = block === 1 ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project']
    names.push(...parts.map((part) => `${block}.${part}`))
  }
  names.push('18')
  return names.flatMap((name) => [`features.${name}.weight`, `features.${name}.bias`])
}

describe('TensorFlow MobileNetV2 weights', () => {
  it('renames every tensor, one to one', () => {
    const renamed = tensorflowNames().map(mobileNetTfName)
    expect(renamed).to.deep.equal(torchvisionNames())
    expect(new Set(renamed).size).to.equal(104)
  })

  it('knows nothing of other names', () => {
    const others = [
      'features.1.expand.weight',
      'features.2.weight',
      'features.2.squeeze.bias',
      'classifier.1.weight',
    ]
    for (const name of others) expect(mobileNetTfName(name), name).to.equal(undefined)
  })

  it('is recognised by its names, and torchvision is not', () => {
    expect(isMobileNetTf(tensorflowNames())).to.equal(true)
    expect(isMobileNetTf(torchvisionNames().map((name) => name.replace('backbone.', '')))).to.equal(false)
    expect(isMobileNetTf(tensorflowNames().filter((name) => !name.includes('expand')))).to.equal(false)
  })

  it('are those of the shared file', async function () {
    const shared = process.env.DENSEHYBRID_SHARED ?? '../shared'
    const path = join(shared, 'weights/mobilenetv2-coco-ssd-backbone-bnfolded.safetensors')
    if (!existsSync(path)) {
      console.log(`      skipped: ${path} is missing`)
      this.skip()
    }
    const file = await open(path)
    const length = Number((await file.read(Buffer.alloc(8), 0, 8, 0)).buffer.readBigUInt64LE())
    const header = (await file.read(Buffer.alloc(length), 0, length, 8)).buffer.toString()
    await file.close()
    const names = Object.keys(JSON.parse(header)).filter((name) => name !== '__metadata__')
    expect(names).to.have.members(tensorflowNames())
  })
})

describe('renaming of weights', () => {
  const model = [
    'backbone.features.conv0.weight',
    'backbone.features.norm0.weight',
    'backbone.features.norm0.num_batches_tracked',
    'logits.conv.weight',
  ]

  it('leaves names of the model as they are', () => {
    expect([...renameWeights(model, model).values()]).to.deep.equal(model)
  })

  it('adds the prefix of the backbone', () => {
    const file = ['features.conv0.weight', 'features.norm0.weight', 'classifier.weight']
    expect(renameWeights(file, model).get('features.conv0.weight')).to.equal('backbone.features.conv0.weight')
  })

  it('takes the prefix of another program off', () => {
    const file = model.map((name) => `module.${name}`)
    expect([...renameWeights(file, model).values()]).to.deep.equal(model)
  })

  it('takes the weights out of a trainer state', () => {
    const file = [...model.map((name) => `model.${name}`), 'exp_avg.logits.conv.weight']
    const renamed = renameWeights(file, model)
    expect(renamed.get('model.logits.conv.weight')).to.equal('logits.conv.weight')
    expect(renamed.get('exp_avg.logits.conv.weight')).to.equal('exp_avg.logits.conv.weight')
  })

  it('uses a given prefix and no other', () => {
    const renamed = renameWeights(['features.conv0.weight'], model, 'encoder.')
    expect([...renamed.values()]).to.deep.equal(['encoder.features.conv0.weight'])
  })

  it('counts no match for BatchNorm counters alone', () => {
    expect(countMatches(['backbone.features.norm0.num_batches_tracked'], new Set(model))).to.equal(0)
    expect(countMatches(model, new Set(model))).to.equal(3)
  })
})
