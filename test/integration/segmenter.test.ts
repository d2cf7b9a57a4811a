import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import type { SegmenterOptions } from '../../lib/model-settings.ts'
import { SCORE_NAMES } from '../../lib/scores.ts'
import { insideOf, Segmenter } from '../../lib/segmenter.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { noiseImages, sameBits } from '../support/toy-data.ts'

const tiny = { architecture: 'ladder-densenet-tiny', classes: ['sky', 'road', 'car'] } as const
const images = noiseImages([2, 64, 96, 3])

describe('Segmenter', function () {
  this.timeout(60_000)
  let folder: TempFolder
  let model: Segmenter
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    model = await Segmenter.create(tiny)
  })
  after(async () => {
    model?.dispose()
    await folder?.remove()
  })

  /** A checkpoint of the shared model. */
  async function saved(name: string): Promise<string> {
    const path = join(folder.path, name)
    await model.save(path)
    return path
  }

  describe('create', () => {
    it('tells what it made', () => {
      const { architecture, classes, device, precision, threshold, hybrid, mean, std } = model
      expect({ architecture, classes, device, precision, threshold, hybrid }).to.deep.equal({
        ...tiny,
        device: 'cpu',
        precision: 'float32',
        threshold: undefined,
        hybrid: false,
      })
      expect([mean, std]).to.deep.equal([
        [0.5, 0.5, 0.5],
        [0.25, 0.25, 0.25],
      ])
      expect(model.parameterCount).to.be.within(10_000, 10_000_000)
    })

    it('gives the same weights for the same seed', async () => {
      const [same, other] = [await Segmenter.create(tiny), await Segmenter.create({ ...tiny, seed: 1 })]
      const { logits } = await model.forward(images)
      expect(sameBits((await same.forward(images)).logits, logits)).to.equal(true)
      expect(sameBits((await other.forward(images)).logits, logits)).to.equal(false)
      same.dispose()
      other.dispose()
    })

    it('refuses wrong options, naming them and what was meant', async () => {
      const wrong: [object, string, string?][] = [
        [{ architecture: 'ladder-densnet121' }, 'architecture', 'ladder-densenet121'],
        [{ classes: 0 }, 'classes'],
        [{ classes: 255 }, 'classes'],
        [{ classes: ['a', 'a'] }, 'classes[1]'],
        [{ device: 'gpu' }, 'device'],
        [{ precision: 'float16' }, 'precision'],
        [{ options: { padding: 'same' } }, 'padding'],
        [{ std: [1, 1, 0] }, 'std[2]'],
        [{ wheights: 'x' }, 'wheights', 'weights'],
      ]
      for (const [change, name, hint] of wrong) {
        const options = { ...tiny, ...change } as SegmenterOptions
        const error = await rejection(Segmenter.create(options), 'INVALID_ARGUMENT')
        expect(error.message).to.contain(name)
        if (hint !== undefined) expect(error.hint).to.contain(hint)
      }
    })
  })

  describe('forward and segment', () => {
    it('have the documented shapes', async () => {
      const { logits, oodLogits } = await model.forward(images)
      expect(logits.shape).to.deep.equal([2, 3, 16, 24])
      expect(oodLogits.shape).to.deep.equal([2, 2, 16, 24])
      const { labels, scores } = await model.segment(images, { scores: SCORE_NAMES })
      expect(labels.shape).to.deep.equal([2, 64, 96])
      expect(Object.keys(scores)).to.have.members([...SCORE_NAMES])
      for (const score of Object.values(scores)) expect(score.shape).to.deep.equal([2, 64, 96])
      expect(Math.max(...labels.data)).to.be.below(3)
    })

    it('take one image without its batch dimension', async () => {
      const one = { data: images.data.subarray(0, 64 * 96 * 3), shape: [64, 96, 3] }
      const { scores } = await model.segment(one)
      expect(scores.hybrid.shape).to.deep.equal([1, 64, 96])
      const both = (await model.segment(images)).scores.hybrid.data
      for (let i = 0; i < 64 * 96; i += 97) expect(scores.hybrid.data[i]).to.be.closeTo(both[i], 1e-3)
    })

    it('give the size that is asked for', async () => {
      const { labels, scores } = await model.segment(images, { size: [37, 51] })
      expect(labels.shape).to.deep.equal([2, 37, 51])
      expect(scores.hybrid.shape).to.deep.equal([2, 37, 51])
    })

    it('label as unknown exactly what scores above the threshold', async () => {
      const { scores, labels: closed } = await model.segment(images, { threshold: null })
      const threshold = scores.hybrid.data.toSorted()[3000]
      const { labels } = await model.segment(images, { threshold })
      const expected = closed.data.map((label, i) => (scores.hybrid.data[i] > threshold ? 3 : label))
      expect([...labels.data]).to.deep.equal([...expected])
      expect(labels.data.filter((label) => label === 3)).to.have.length.within(1, labels.data.length - 3001)
    })

    it('use the threshold of the model unless told otherwise', async () => {
      model.threshold = -1e6
      const own = await model.segment(images)
      const closed = await model.segment(images, { threshold: null })
      model.threshold = undefined
      expect(own.labels.data.every((label) => label === 3)).to.equal(true)
      expect(closed.labels.data.every((label) => label < 3)).to.equal(true)
    })

    it('give the same result when calls overlap', async () => {
      const sizes = [32, 64, 96, 128].map((side) => noiseImages([1, side, side, 3], side))
      const together = await Promise.all(sizes.map((image) => model.segment(image)))
      for (const [i, image] of sizes.entries()) {
        const alone = await model.segment(image)
        expect(sameBits(alone.scores.hybrid, together[i].scores.hybrid), `size ${i}`).to.equal(true)
      }
    })

    it('work for images of odd sizes, down to one pixel, or say what is wrong', async () => {
      for (const [height, width] of [
        [33, 47],
        [65, 31],
        [1, 1],
        [7, 300],
      ]) {
        const image = noiseImages([height, width, 3])
        try {
          const { labels } = await model.segment(image)
          expect(labels.shape).to.deep.equal([1, height, width])
        } catch (error) {
          expect((error as { code: string }).code).to.equal('INVALID_ARGUMENT')
          expect(Math.min(height, width)).to.be.below(32)
        }
      }
    })

    it('refuse wrong images and options', async () => {
      const float = { data: new Float32Array(12), shape: [2, 2, 3] } as never
      expect((await rejection(model.segment(float), 'INVALID_ARGUMENT')).message).to.contain('Uint8Array')
      const rgba = { data: new Uint8Array(16), shape: [2, 2, 4] }
      expect((await rejection(model.segment(rgba), 'INVALID_ARGUMENT')).message).to.contain('H×W×3')
      const short = { data: new Uint8Array(11), shape: [2, 2, 3] }
      await rejection(model.forward(short), 'INVALID_ARGUMENT')
      await rejection(model.forward({ data: new Uint8Array(0), shape: [0, 8, 8, 3] }), 'EMPTY')
      const scores = ['hybird'] as never
      expect((await rejection(model.segment(images, { scores }), 'INVALID_ARGUMENT')).hint).to.contain(
        'hybrid',
      )
      const misspelt = { treshold: 1 } as never
      expect((await rejection(model.segment(images, misspelt), 'INVALID_ARGUMENT')).hint).to.contain(
        'threshold',
      )
    })

    it('stop when the signal fires', async () => {
      await rejection(model.segment(images, { signal: AbortSignal.abort() }), 'ABORTED')
      const controller = new AbortController()
      const running = model.segment(noiseImages([4, 512, 512, 3]), { signal: controller.signal })
      setTimeout(() => controller.abort(), 20)
      await rejection(running, 'ABORTED')
    })
  })

  describe('checkpoints', () => {
    it('keep every bit, threshold, calibration and further metadata', async () => {
      const path = join(folder.path, 'round-trip.safetensors')
      await model.save(path, { threshold: 1.25, calibration: { tpr: 0.95 }, run: 'seven' })
      expect(model.threshold).to.equal(undefined)
      const loaded = await Segmenter.load(path)
      expect([loaded.threshold, loaded.calibration, loaded.metadata]).to.deep.equal([
        1.25,
        { tpr: 0.95 },
        { run: 'seven' },
      ])
      expect([loaded.classes, loaded.mean, loaded.std]).to.deep.equal([model.classes, model.mean, model.std])
      const [before, after] = [await model.forward(images), await loaded.forward(images)]
      expect(sameBits(before.logits, after.logits)).to.equal(true)
      expect(sameBits(before.oodLogits, after.oodLogits)).to.equal(true)
      loaded.dispose()
    })

    it('that are cut off or damaged are refused by name', async () => {
      const bytes = await readFile(await saved('whole.safetensors'))
      const path = join(folder.path, 'cut.safetensors')
      for (const length of [0, 5, 8, 200, Math.floor(bytes.length / 2), bytes.length - 1]) {
        await writeFile(path, bytes.subarray(0, length))
        expect((await rejection(Segmenter.load(path), 'INVALID_FILE')).message, `${length}`).to.contain(path)
      }
      await writeFile(path, 'not a checkpoint at all, but long enough to have a header')
      expect((await rejection(Segmenter.load(path), 'INVALID_FILE')).message).to.contain(path)
      await rejection(Segmenter.load(join(folder.path, 'missing.safetensors')), 'NOT_FOUND')
    })

    it('are told from other .safetensors files', async () => {
      const path = join(folder.path, 'plain.safetensors')
      const tensors = { x: { data: Float32Array.of(1), shape: [1] } }
      await loadNative().writeSafetensors(path, tensors, { source: 'elsewhere' })
      expect((await rejection(Segmenter.load(path), 'INVALID_FILE')).hint).to.contain('weights')
    })

    it('whose tensors belong to another architecture are refused', async () => {
      const native = loadNative()
      const { tensors, metadata } = await native.readSafetensors(await saved('right.safetensors'))
      const path = join(folder.path, 'wrong.safetensors')
      const other = { ...JSON.parse(metadata.densehybrid), architecture: 'ladder-densenet121' }
      await native.writeSafetensors(path, tensors, { densehybrid: JSON.stringify(other) })
      const error = await rejection(Segmenter.load(path), 'ARCHITECTURE_MISMATCH')
      expect(error.message).to.contain(path)
    })
  })

  describe('loadWeights', () => {
    it('takes all weights of another model', async () => {
      const other = await Segmenter.create({ ...tiny, seed: 5 })
      const report = await other.loadWeights(await saved('weights.safetensors'))
      expect(report.missing).to.deep.equal([])
      expect(report.unexpected).to.deep.equal([])
      const [a, b] = [await model.forward(images), await other.forward(images)]
      expect(sameBits(a.logits, b.logits)).to.equal(true)
      other.dispose()
    })

    it('changes nothing when the file does not fit', async () => {
      const path = join(folder.path, 'other.safetensors')
      const other = await Segmenter.create({ architecture: 'ladder-mobilenetv2', classes: 3 })
      await other.save(path)
      other.dispose()
      const before = await model.forward(images)
      expect((await rejection(model.loadWeights(path), 'ARCHITECTURE_MISMATCH')).message).to.contain(path)
      const native = loadNative()
      const unrelated = join(folder.path, 'unrelated.safetensors')
      await native.writeSafetensors(unrelated, { x: { data: Float32Array.of(1), shape: [1] } }, {})
      const error = await rejection(model.loadWeights(unrelated, { strict: false }), 'ARCHITECTURE_MISMATCH')
      expect(error.message).to.contain('None')
      const fourClasses = await Segmenter.create({ ...tiny, classes: 4 })
      await fourClasses.save(path)
      fourClasses.dispose()
      const shapes = await rejection(model.loadWeights(path, { strict: false }), 'ARCHITECTURE_MISMATCH')
      expect(shapes.message).to.contain(path).and.to.contain('logits')
      expect(sameBits((await model.forward(images)).logits, before.logits)).to.equal(true)
    })

    it('finds a backbone without its prefix, and reports the rest', async () => {
      const native = loadNative()
      const source = await Segmenter.create({ ...tiny, seed: 9 })
      const all = await insideOf(source).model.tensors()
      const entries = Object.entries(all).filter(([name]) => name.startsWith('backbone.'))
      const tensors = Object.fromEntries(
        entries.map(([name, value]) => [name.slice('backbone.'.length), value]),
      )
      const path = join(folder.path, 'backbone.safetensors')
      await native.writeSafetensors(path, { ...tensors, 'classifier.weight': all['logits.conv.weight'] }, {})
      const target = await Segmenter.create({ ...tiny, weights: path })
      const report = target.weightsReport
      expect(report?.loaded).to.equal(entries.length)
      expect(report?.ignored).to.deep.equal(['classifier.weight'])
      expect(report?.unexpected).to.deep.equal([])
      expect(report?.missing).to.include('logits.conv.weight')
      expect(report?.missing.some((name) => name.startsWith('backbone.'))).to.equal(false)
      const loaded = await insideOf(target).model.tensors(['backbone.features.conv0.weight'])
      const name = 'backbone.features.conv0.weight'
      expect(sameBits(loaded[name] as never, all[name] as never)).to.equal(true)
      source.dispose()
      target.dispose()
    })

    it('sets up a model for the TensorFlow MobileNetV2', async function () {
      const shared = process.env.DENSEHYBRID_SHARED ?? '../shared'
      const weights = join(shared, 'weights/mobilenetv2-coco-ssd-backbone-bnfolded.safetensors')
      if (!existsSync(weights)) {
        console.log(`      skipped: ${weights} is missing`)
        this.skip()
      }
      const options = { architecture: 'ladder-mobilenetv2', classes: 3, weights } as const
      const mobile = await Segmenter.create(options)
      expect([mobile.mean, mobile.std]).to.deep.equal([
        [0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5],
      ])
      expect(insideOf(mobile).model.config.options).to.deep.equal({ padding: 'same', batchNorm: false })
      expect(mobile.weightsReport?.loaded).to.equal(104)
      expect(mobile.weightsReport?.unexpected).to.deep.equal([])
      expect(mobile.weightsReport?.missing.some((name) => name.startsWith('backbone.'))).to.equal(false)
      expect(mobile.hybrid).to.equal(false)
      mobile.dispose()
      const wrong = await rejection(Segmenter.create({ ...options, ...tiny }), 'ARCHITECTURE_MISMATCH')
      expect(wrong.hint).to.contain('ladder-mobilenetv2')
    })

    it('says what a damaged PyTorch file is', async () => {
      const path = await folder.write('weights.pth', 'PK')
      expect((await rejection(model.loadWeights(path), 'INVALID_FILE')).message).to.contain(path)
    })
  })

  describe('dispose', () => {
    it('twice is fine; use afterwards is an error', async () => {
      const gone = await Segmenter.create(tiny)
      gone.dispose()
      gone.dispose()
      await gone[Symbol.asyncDispose]()
      await rejection(gone.forward(images), 'DISPOSED')
      await rejection(gone.segment(images), 'DISPOSED')
      await rejection(gone.save(join(folder.path, 'gone.safetensors')), 'DISPOSED')
      await rejection(gone.loadWeights(join(folder.path, 'gone.safetensors')), 'DISPOSED')
    })

    it('lets running calls finish', async () => {
      const gone = await Segmenter.create(tiny)
      const running = [gone.segment(images), gone.segment(images)]
      gone.dispose()
      for (const { labels } of await Promise.all(running)) expect(labels.shape).to.deep.equal([2, 64, 96])
    })
  })
})
