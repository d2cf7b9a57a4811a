import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { SCORE_NAMES } from '../../lib/scores.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import type { TrainerOptions } from '../../lib/training/options.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { readRaw } from '../support/edit-safetensors.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { batch, differences, file, hybrid, images, onFeatures, train, use } from '../support/torchscript.ts'
import { sameBits, toyDataset, toyNegatives } from '../support/toy-data.ts'

describe('imported TorchScript modules, trained and saved', function () {
  this.timeout(120_000)
  let folder: TempFolder
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
  })
  after(() => folder?.remove())

  describe('training', () => {
    it('of the head alone leaves the logits as they are, bit by bit, and moves the hybrid score', () =>
      use(onFeatures, async (model) => {
        const [logits, before] = [(await model.forward(images)).logits, await model.segment(images)]
        await train(model, { ...hybrid, freeze: 'all-but-head' })
        const after = await model.segment(images)
        expect(sameBits((await model.forward(images)).logits, logits)).to.equal(true)
        expect(sameBits(after.labels as never, before.labels as never)).to.equal(true)
        expect(sameBits(after.scores.hybrid, before.scores.hybrid)).to.equal(false)
        expect(model.hybrid).to.equal(true)
        const untouched = await Segmenter.fromTorchScript(file, onFeatures)
        const changed = await differences(model, untouched)
        expect(changed).to.have.length.above(2)
        expect(changed.every((name) => name.startsWith('logits_ood.'))).to.equal(true)
        untouched.dispose()
      }))

    it('of all trains its weights and its running statistics, and lowers the loss', () =>
      use(onFeatures, async (model) => {
        const trainer = new Trainer(model, hybrid)
        const losses: number[] = []
        for (let i = 0; i < 15; i++) losses.push((await trainer.step(batch)).total)
        trainer.dispose()
        expect(losses[14]).to.be.below(0.9 * losses[0])
        const untouched = await Segmenter.fromTorchScript(file, onFeatures)
        const changed = await differences(model, untouched)
        expect(changed).to.include.members(['stem.0.weight', 'stem.1.running_mean', 'classifier.bias'])
        expect(changed).not.to.include('torchscript.archive')
        untouched.dispose()
      }))

    it('gives the same weights with gradient checkpointing asked for or not, and for the same seed', async () => {
      const models = await Promise.all([1, 2].map(() => Segmenter.fromTorchScript(file, onFeatures)))
      // Dropout draws for itself: it is left out.
      const options: TrainerOptions = { ...hybrid, freeze: 'backbone' }
      await train(models[0], options)
      await train(models[1], { ...options, gradientCheckpointing: true })
      expect(await differences(models[0], models[1])).to.deep.equal([])
      for (const model of models) model.dispose()
    })

    for (const freeze of ['all-but-head', 'nothing'] as const) {
      it(`goes on bit by bit after Trainer.save and Trainer.resume, freezing ${freeze}`, async () => {
        const options: TrainerOptions = {
          objective: 'hybrid',
          negatives: toyNegatives,
          // Constant: the schedule depends on the length of the run.
          learningRate: 1e-3,
          minLearningRate: 1e-3,
          freeze,
        }
        const loader = () => new DataLoader(toyDataset(4), { batchSize: 2, crop: [64, 64], seed: 3 })
        const [whole, parts] = ['whole', 'parts'].map((name) => join(folder.path, `${name}-${freeze}`))
        await use(onFeatures, async (model) => {
          const trainer = new Trainer(model, options)
          await trainer.fit(loader(), { epochs: 3 })
          await trainer.save(whole)
          trainer.dispose()
        })
        await use(onFeatures, async (model) => {
          const trainer = new Trainer(model, options)
          await trainer.fit(loader(), { steps: 3, checkpointDir: parts })
          trainer.dispose()
        })
        const trainer = await Trainer.resume(parts, { negatives: toyNegatives })
        expect(trainer.segmenter.torchscript?.featureChannels).to.equal(12)
        expect(trainer.position.step).to.equal(3)
        await trainer.fit(loader(), { epochs: 3 })
        await trainer.save(parts)
        trainer.dispose()
        trainer.segmenter.dispose()
        const read = async (dir: string) =>
          (await loadNative().readSafetensors(join(dir, 'trainer.safetensors'))).tensors
        const [left, right] = [await read(whole), await read(parts)]
        expect(Object.keys(left)).to.deep.equal(Object.keys(right))
        expect(Object.keys(left)).to.include('model.torchscript.archive')
        const different = Object.keys(left).filter(
          (name) => !sameBits(left[name] as never, right[name] as never),
        )
        expect(different).to.deep.equal([])
      })
    }
  })

  describe('a checkpoint', () => {
    it('of a fine-tuned module gives every bit again', () =>
      use({ ...onFeatures, padTo: 16, channels: 'bgr' }, async (model) => {
        await train(model, hybrid)
        model.threshold = 0.25
        const path = join(folder.path, 'tuned.safetensors')
        await model.save(path, { note: 'seven' })
        const loaded = await Segmenter.load(path)
        expect(await differences(model, loaded)).to.deep.equal([])
        expect(loaded.torchscript).to.deep.equal({ ...model.torchscript, padTo: 16 })
        const { classes, mean, std, threshold, hybrid: trained, metadata } = loaded
        expect({ classes, mean, std, threshold, trained, metadata }).to.deep.equal({
          classes: model.classes,
          mean: model.mean,
          std: model.std,
          threshold: 0.25,
          trained: true,
          metadata: { note: 'seven' },
        })
        const wanted = await model.segment(images, { scores: SCORE_NAMES })
        const got = await loaded.segment(images, { scores: SCORE_NAMES })
        expect(sameBits(wanted.labels as never, got.labels as never)).to.equal(true)
        for (const name of SCORE_NAMES) {
          expect(sameBits(wanted.scores[name], got.scores[name]), name).to.equal(true)
        }
        const [again, third] = [join(folder.path, 'again.safetensors'), await Segmenter.load(path)]
        await train(loaded, { ...hybrid, freeze: 'all-but-head' }, 1)
        await train(third, { ...hybrid, freeze: 'all-but-head' }, 1)
        expect(await differences(loaded, third), 'training goes on').to.deep.equal([])
        await loaded.save(again)
        for (const used of [loaded, third]) used.dispose()
      }))

    it("names the module's tensors as PyTorch does", () =>
      use(onFeatures, async (model) => {
        const path = join(folder.path, 'names.safetensors')
        await model.save(path)
        const { header } = await readRaw(path)
        const { __metadata__: metadata, ...tensors } = header
        const names = Object.keys(tensors).filter((name) => !name.startsWith('logits_ood.'))
        const norm = (name: string) =>
          ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
            (it) => `${name}.${it}`,
          )
        expect(names).to.have.members([
          'torchscript.archive',
          'stem.0.weight',
          ...norm('stem.1'),
          'body.0.weight',
          'body.0.bias',
          ...norm('body.1'),
          'classifier.weight',
          'classifier.bias',
        ])
        expect(header['stem.0.weight']).to.include({ dtype: 'F32' })
        expect(header['stem.0.weight'].shape).to.deep.equal([8, 3, 3, 3])
        expect(header['torchscript.archive']).to.include({ dtype: 'U8' })
        expect(JSON.parse(metadata.densehybrid).options).to.deep.equal({
          features: 'features',
          channels: 'rgb',
          padTo: 1,
          alignCorners: false,
        })
      }))

    it('gives its weights to another import of the module, whose code stays', async () => {
      const [tuned, fresh] = [join(folder.path, 'a.safetensors'), join(folder.path, 'b.safetensors')]
      const model = await Segmenter.fromTorchScript(file, onFeatures)
      await model.save(fresh)
      await train(model, hybrid)
      await model.save(tuned)
      const other = await Segmenter.fromTorchScript(file, onFeatures)
      const { missing, unexpected } = await other.loadWeights(tuned)
      expect([missing, unexpected, other.hybrid]).to.deep.equal([[], [], true])
      expect(await differences(model, other)).to.deep.equal([])
      await other.loadWeights(fresh)
      expect(await differences(model, other)).to.include('classifier.weight')
      // A head on other channels does not fit.
      await use({ classes: 3, features: 'stem' }, async (narrow) => {
        expect((await rejection(narrow.loadWeights(tuned), 'ARCHITECTURE_MISMATCH')).message).to.contain(
          tuned,
        )
      })
      model.dispose()
      other.dispose()
    })
  })
})
