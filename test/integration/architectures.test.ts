import { expect } from 'chai'
import { profileModel } from '../../lib/model-profile.ts'
import { architectures } from '../../lib/runtime.ts'
import { resolveScorerOptions } from '../../lib/scoring/scorer-options.ts'
import { settingsHash } from '../../lib/scoring/settings.ts'
import { insideOf, Segmenter } from '../../lib/segmenter.ts'
import { tensor } from '../../lib/tensor.ts'
import type { TrainerOptions } from '../../lib/training/options.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, tempFolder } from '../support/image-files.ts'
import { noiseImages, sameBits } from '../support/toy-data.ts'

const SIZE = [64, 96] as const
const batch = {
  ids: ['a', 'b'],
  images: noiseImages([2, ...SIZE, 3]),
  // Three known classes and a row of negatives at the top.
  labels: tensor(
    Uint8Array.from({ length: 2 * SIZE[0] * SIZE[1] }, (_, i) =>
      i % (SIZE[0] * SIZE[1]) < 960 ? 254 : i % 3,
    ),
    [2, ...SIZE],
  ),
}
const hybrid: TrainerOptions = { objective: 'hybrid', negatives: null, learningRate: 1e-3 }

/** Logits before and after two steps of a tiny model. */
async function trained(options: Partial<TrainerOptions>, architecture = 'deeplabv3plus-resnet18') {
  const model = await Segmenter.create({ architecture, classes: 3 })
  const before = await model.forward(batch.images)
  const weights = await insideOf(model).model.tensors()
  const trainer = new Trainer(model, { ...hybrid, ...options })
  const losses = [await trainer.step(batch), await trainer.step(batch)].map(({ total }) => total)
  const after = await model.forward(batch.images)
  const changed = Object.entries(await insideOf(model).model.tensors())
    .filter(([name, value]) => value.data.some((x, i) => x !== weights[name].data[i]))
    .map(([name]) => name)
  trainer.dispose()
  model.dispose()
  return { before, after, changed, losses }
}

describe('architectures', function () {
  this.timeout(120_000)
  before(function () {
    needAddon(this)
  })

  for (const name of ['deeplabv3plus-resnet18', 'ladder-resnet18', 'ladder-densenet169']) {
    it(`${name} trains, is saved and loaded, and segments`, async () => {
      const folder = await tempFolder()
      const model = await Segmenter.create({ architecture: name, classes: ['a', 'b', 'c'] })
      const trainer = new Trainer(model, hybrid)
      const first = await trainer.step(batch)
      let last = first
      for (let i = 0; i < 4; i++) last = await trainer.step(batch)
      expect(last.total).to.be.below(first.total)
      trainer.dispose()
      await model.save(`${folder.path}/model.safetensors`)
      const loaded = await Segmenter.load(`${folder.path}/model.safetensors`)
      const [a, b] = [await model.segment(batch.images), await loaded.segment(batch.images)]
      expect(sameBits(a.scores.hybrid, b.scores.hybrid)).to.equal(true)
      expect(a.labels.shape).to.deep.equal([2, ...SIZE])
      model.dispose()
      loaded.dispose()
      await folder.remove()
    })
  }

  it('freeze backbone: the rest is trained', async () => {
    const { changed } = await trained({ freeze: 'backbone' })
    expect(changed.some((name) => name.startsWith('backbone.'))).to.equal(false)
    expect(changed.some((name) => name.startsWith('aspp.'))).to.equal(true)
    expect(changed.some((name) => name.startsWith('logits_ood.'))).to.equal(true)
  })

  it('freeze all-but-head: the closed-set logits stay as they are, bit by bit', async () => {
    for (const architecture of ['deeplabv3plus-resnet18', 'ladder-densenet-tiny']) {
      const { before, after, changed } = await trained({ freeze: 'all-but-head' }, architecture)
      expect(changed.every((name) => name.startsWith('logits_ood.'))).to.equal(true)
      expect(changed).to.include('logits_ood.conv.weight').and.to.include('logits_ood.norm.running_mean')
      expect(sameBits(before.logits, after.logits)).to.equal(true)
      expect(sameBits(before.oodLogits, after.oodLogits)).to.equal(false)
    }
  })

  it('gradient checkpointing: the same losses', async () => {
    const [plain, recomputed] = [await trained({}), await trained({ gradientCheckpointing: true })]
    for (const [i, loss] of plain.losses.entries()) expect(recomputed.losses[i]).to.be.closeTo(loss, 1e-4)
  })

  it('refuses to freeze what is to be trained', async () => {
    const model = await Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: 3 })
    expect(() => new Trainer(model, { objective: 'closed-set', freeze: 'all-but-head' })).to.throw('freeze')
    expect(() => new Trainer(model, { ...hybrid, freeze: 'head' as 'backbone' })).to.throw('freeze')
    expect(() => new Trainer(model, { ...hybrid, gradientCheckpointing: 1 as never })).to.throw(
      'gradientCheckpointing',
    )
    new Trainer(model, hybrid).dispose() // what was refused did not take the model
    model.dispose()
  })

  it('an untrained head leaves the closed-set labels alone', async () => {
    const model = await Segmenter.create({ architecture: 'deeplabv3plus-resnet18', classes: 3 })
    const { labels } = await model.segment(batch.images)
    const { labels: none } = await model.segment(batch.images, { scores: [] })
    expect(labels.data).to.deep.equal(none.data)
    model.dispose()
  })

  it('profiles agree with the models themselves', async () => {
    for (const { name, stride } of architectures()) {
      const profile = await profileModel({
        architecture: name,
        classes: 3,
        size: [128, 192],
        crop: [64, 64],
        batchSize: 2,
      })
      expect(profile.stride).to.equal(stride)
      expect(profile.trainingBytes).to.be.above(16 * profile.parameters)
      if (name === 'deeplabv3plus-wrn38') continue // half a gigabyte of weights
      const model = await Segmenter.create({ architecture: name, classes: 3 })
      expect(profile.parameters, name).to.equal(model.parameterCount)
      model.dispose()
    }
    const refused = profileModel({ architecture: 'ladder-resnet18', batchSize: 1 })
    await rejection(refused, 'INVALID_ARGUMENT')
  })
})

describe('weights that would mislead', function () {
  this.timeout(60_000)
  before(function () {
    needAddon(this)
  })

  it('results of another model are never taken for those of this one', async () => {
    const options = resolveScorerOptions({ out: 'unused', formats: ['png16'] }, undefined)
    const create = (seed: number) =>
      Segmenter.create({
        architecture: 'deeplabv3plus-resnet18',
        classes: 3,
        seed,
        options: { outputStride: 32 },
      })
    const [one, same, other] = [await create(1), await create(1), await create(1)]
    const trainer = new Trainer(other, { objective: 'closed-set', learningRate: 1e-3 })
    await trainer.step(batch)
    trainer.dispose()
    const [a, b, c] = [
      await settingsHash(one, options),
      await settingsHash(same, options),
      await settingsHash(other, options),
    ]
    expect(b).to.equal(a)
    expect(c).to.not.equal(a)
    for (const model of [one, same, other]) model.dispose()
  })

  it('a checkpoint keeps the order of its classes', async () => {
    const folder = await tempFolder()
    const path = `${folder.path}/model.safetensors`
    const tiny = { architecture: 'ladder-densenet-tiny' }
    const model = await Segmenter.create({ ...tiny, classes: ['road', 'car', 'sky'] })
    await model.save(path)
    model.dispose()
    const permuted = Segmenter.create({ ...tiny, classes: ['sky', 'road', 'car'], weights: path })
    expect((await rejection(permuted, 'ARCHITECTURE_MISMATCH')).hint).to.include('road, car, sky')
    ;(await Segmenter.create({ ...tiny, classes: ['road', 'auto', 'sky'], weights: path })).dispose()
    await folder.remove()
  })
})
