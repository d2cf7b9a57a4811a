import { expect } from 'chai'
import fc from 'fast-check'
import { isClassifierHead, renameOldDenseNet } from '../../lib/weights/densenet-keys.ts'

const BLOCKS = [6, 12, 24, 16]
const NORM = ['weight', 'bias', 'running_mean', 'running_var']

/** All names of torchvision's DenseNet-121; `dot` between kind and number as in its old files, '' as in the model. */
function denseNetNames(dot: '' | '.'): string[] {
  const norm = (name: string) => NORM.map((part) => `${name}.${part}`)
  const names = ['features.conv0.weight', ...norm('features.norm0')]
  for (const [b, layers] of BLOCKS.entries()) {
    for (let layer = 1; layer <= layers; layer++) {
      const at = `features.denseblock${b + 1}.denselayer${layer}`
      for (const i of [1, 2]) names.push(...norm(`${at}.norm${dot}${i}`), `${at}.conv${dot}${i}.weight`)
    }
    const transition = `features.transition${b + 1}`
    if (b < 3) names.push(...norm(`${transition}.norm`), `${transition}.conv.weight`)
  }
  return [...names, ...norm('features.norm5'), 'classifier.weight', 'classifier.bias']
}

describe('names of torchvision’s DenseNet files', () => {
  it('become those of the model, all 606 of DenseNet-121', () => {
    const names = denseNetNames('.')
    expect(names).to.have.length(606)
    expect(names.map(renameOldDenseNet)).to.deep.equal(denseNetNames(''))
  })

  it('are kept where they are the present ones', () => {
    for (const name of denseNetNames('')) expect(renameOldDenseNet(name)).to.equal(name)
  })

  it('may have a prefix, any number, and counters', () => {
    expect(renameOldDenseNet('backbone.features.denseblock4.denselayer32.conv.2.weight')).to.equal(
      'backbone.features.denseblock4.denselayer32.conv2.weight',
    )
    expect(renameOldDenseNet('features.denseblock1.denselayer1.norm.2.num_batches_tracked')).to.equal(
      'features.denseblock1.denselayer1.norm2.num_batches_tracked',
    )
  })

  it('other names are kept', () => {
    const others = [
      'features.transition1.norm.weight',
      'features.denseblock1.denselayer1.norm.3.weight',
      'features.denseblock1.denselayer1.norm.10.weight',
      'features.denseblock1.denselayer1.pool.1.weight',
      'layer1.0.conv.1.weight',
      'features.2.conv.1.0.weight',
      '',
    ]
    for (const name of others) expect(renameOldDenseNet(name), name).to.equal(name)
  })

  it('renaming twice changes nothing more', () => {
    const part = fc.constantFrom(
      'features',
      'denseblock1',
      'denselayer1',
      'norm',
      'conv',
      'norm1',
      '1',
      '2',
      'weight',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
        const once = renameOldDenseNet(parts.join('.'))
        expect(renameOldDenseNet(once)).to.equal(once)
      }),
    )
  })
})

describe('classifier heads', () => {
  it('are what follows the backbone', () => {
    const heads = ['fc.weight', 'fc.bias', 'classifier.weight', 'classifier.bias', 'classifier.1.weight']
    for (const name of [...heads, ...NORM.map((part) => `features.norm5.${part}`)]) {
      expect(isClassifierHead(name), name).to.equal(true)
    }
    expect(denseNetNames('').filter(isClassifierHead)).to.have.length(6)
  })

  it('are no part of a backbone', () => {
    const others = [
      'conv1.weight',
      'layer4.1.bn2.bias',
      'features.norm0.weight',
      'features.norm50.weight',
      'features.18.0.weight',
      'features.0.fc.weight',
      'fc1.weight',
      'classifiers.weight',
    ]
    for (const name of others) expect(isClassifierHead(name), name).to.equal(false)
  })
})
