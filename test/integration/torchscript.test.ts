import { join } from 'node:path'
import { expect } from 'chai'
import { Segmenter } from '../../lib/segmenter.ts'
import type { TorchScriptOptions } from '../../lib/torchscript.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { upsampleBilinear } from '../golden/bilinear.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { file, hybrid, images, onFeatures, use } from '../support/torchscript.ts'
import { sameBits, TOY_CLASSES } from '../support/toy-data.ts'

describe('imported TorchScript modules', function () {
  this.timeout(120_000)
  let folder: TempFolder
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
  })
  after(() => folder?.remove())

  describe('the report', () => {
    const shared = {
      output: 'a dict with the keys out, features',
      stride: 4,
      padTo: 1,
      trainable: true,
      trainingMode: true,
      weightsDtype: 'F32',
    }
    const own = 1171
    const cases: [string, Partial<TorchScriptOptions>, number, number, number][] = [
      ['the logits', {}, 0, 0, 3],
      ['an output of the module', { features: 'features' }, 12, 4, 12],
      ['a submodule', { features: 'stem' }, 8, 2, 8],
      ['a submodule of a submodule', { features: 'body.1' }, 12, 4, 12],
    ]
    for (const [name, options, featureChannels, featureStride, below] of cases) {
      it(`says where the head is: on ${name}`, () =>
        use({ classes: TOY_CLASSES, ...options }, async (model) => {
          expect(model.torchscript).to.deep.equal({ ...shared, featureChannels, featureStride })
          expect(Object.isFrozen(model.torchscript)).to.equal(true)
          // The head: a norm's scale and shift, and a 1×1 convolution with bias to two channels.
          expect(model.parameterCount).to.equal(own + 2 * below + 2 * below + 2)
          const { logits, oodLogits } = await model.forward(images)
          expect(logits.shape).to.deep.equal([2, 3, 12, 20])
          expect(oodLogits.shape).to.deep.equal([2, 2, 12, 20])
        }))
    }

    it('comes with what the options said', () =>
      use({ ...onFeatures, mean: [0, 0, 0], std: [1, 1, 1] }, async (model) => {
        const { architecture, classes, mean, std, precision, hybrid, threshold, device } = model
        expect({ architecture, classes, mean, std, precision, hybrid, threshold, device }).to.deep.equal({
          architecture: 'torchscript',
          classes: [...TOY_CLASSES],
          mean: [0, 0, 0],
          std: [1, 1, 1],
          precision: 'float32',
          hybrid: false,
          threshold: undefined,
          device: 'cpu',
        })
      }))
  })

  describe('the logits', () => {
    it('do not depend on where the head is', async () => {
      const all = []
      for (const features of [undefined, 'features', 'stem', 'body.1']) {
        const options = features === undefined ? { classes: 3 } : { classes: 3, features }
        all.push(await use(options, (model) => model.forward(images)))
      }
      for (const { logits } of all) expect(sameBits(logits, all[0].logits)).to.equal(true)
      expect(sameBits(all[0].oodLogits, all[1].oodLogits)).to.equal(false)
    })

    it('have labels that are the largest of the resized logits', () =>
      use(onFeatures, async (model) => {
        const { labels } = await model.segment(images)
        const { logits } = await model.forward(images)
        const { data } = upsampleBilinear(logits as never, 48, 80)
        const pixels = 48 * 80
        for (let i = 0; i < 2 * pixels; i++) {
          const [n, p] = [Math.floor(i / pixels), i % pixels]
          const values = [0, 1, 2].map((k) => data[(3 * n + k) * pixels + p])
          const largest = Math.max(...values)
          expect(largest - values[labels.data[i]], `pixel ${i}`).to.be.below(1e-5)
        }
        expect(new Set(labels.data).size).to.be.above(1)
      }))

    it('of the images padded, where that is asked for, are those of the images near the upper left', async () => {
      const [plain, padded] = [await use(onFeatures, run), await use({ ...onFeatures, padTo: 32 }, run)]
      expect(padded.shape).to.deep.equal(plain.shape)
      for (let i = 0; i < plain.data.length; i++) {
        const [y, x] = [Math.floor(i / 20) % 12, i % 20]
        if (y < 11 && x < 19) expect(padded.data[i], `${y}, ${x}`).to.be.closeTo(plain.data[i], 1e-5)
      }
      async function run(model: Segmenter) {
        return (await model.forward(images)).logits
      }
    })

    it('of a fixed input size have the shape of it, and results that of the images', () =>
      use({ ...onFeatures, inputSize: [64, 96] }, async (model) => {
        expect((await model.forward(images)).logits.shape).to.deep.equal([2, 3, 16, 24])
        expect((await model.segment(images)).labels.shape).to.deep.equal([2, 48, 80])
      }))

    it('see the channels in the order that was asked for', async () => {
      const mirrored = { ...images, data: images.data.map((_, i, all) => all[i - (i % 3) + 2 - (i % 3)]) }
      const gray = { classes: 3, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }
      const rgb = await use(gray, (model) => model.forward(images))
      const bgr = await use({ ...gray, channels: 'bgr' }, (model) => model.forward(mirrored))
      expect(sameBits(rgb.logits, bgr.logits)).to.equal(true)
      const other = await use({ ...gray, channels: 'bgr' }, (model) => model.forward(images))
      expect(sameBits(rgb.logits, other.logits)).to.equal(false)
    })
  })

  it('are disposed like any model', async () => {
    const model = await Segmenter.fromTorchScript(file, onFeatures)
    const running = model.segment(images)
    model.dispose()
    model.dispose()
    expect((await running).labels.shape).to.deep.equal([2, 48, 80])
    await rejection(model.segment(images), 'DISPOSED')
    await rejection(model.save(join(folder.path, 'never.safetensors')), 'DISPOSED')
    thrown(() => new Trainer(model, hybrid), 'DISPOSED')
  })
})
