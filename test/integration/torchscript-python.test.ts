import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'
import type { TorchScriptOptions } from '../../lib/torchscript.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'

const python = process.env.DENSEHYBRID_PYTHON
const PROGRAM = join(import.meta.dirname, '../support/make-torchscript.py')
const HEIGHT = 72
const WIDTH = 104

/** The image of the program. */
const image = tensor(
  Uint8Array.from({ length: HEIGHT * WIDTH * 3 }, (_, i) => (i * 7919) % 251),
  [1, HEIGHT, WIDTH, 3],
)

const labels = tensor(
  Uint8Array.from({ length: HEIGHT * WIDTH }, (_, i) => (i % 5 === 4 ? UNKNOWN_LABEL : i % 5)),
  [1, HEIGHT, WIDTH],
)
const batch = { images: image, labels, ids: ['one'] }

interface Listed {
  shape: number[]
  data: number[]
}

async function run<T>(...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(python!, ['-W', 'ignore', PROGRAM, ...args], {
    maxBuffer: 2 ** 26,
  })
  return JSON.parse(stdout)
}

/** Compares logits to 1e-5, but for the last rows and columns, as many as `border`. */
function expectClose(logits: Tensor, expected: Listed, border = 0): void {
  expect(logits.shape).to.deep.equal(expected.shape)
  const [, , rows, columns] = logits.shape
  let largest = 0
  for (const [i, value] of logits.data.entries()) {
    const [y, x] = [Math.floor(i / columns) % rows, i % columns]
    const near = rows - y <= border || columns - x <= border
    if (!near) largest = Math.max(largest, Math.abs(value - expected.data[i]))
  }
  expect(largest).to.be.below(1e-5)
}

describe('imported modules and PyTorch', function () {
  this.timeout(120_000)
  let folder: TempFolder
  let made: Record<string, Listed>
  before(async function () {
    if (python === undefined) {
      console.log('      skipped: set DENSEHYBRID_PYTHON to a Python that has torch')
      this.skip()
    }
    needAddon(this)
    folder = await tempFolder()
    made = await run(folder.path)
  })
  after(() => folder?.remove())

  const open = (name: string, options: Partial<TorchScriptOptions> = {}) =>
    Segmenter.fromTorchScript(join(folder.path, `${name}.pt`), { classes: 4, ...options })

  const scripted = { trainable: true, trainingMode: true, weightsDtype: 'F32', padTo: 1, stride: 4 }
  const same: [string, Partial<TorchScriptOptions>, object][] = [
    ['plain', {}, { ...scripted, output: 'a tensor [1, 4, 32, 48]', featureChannels: 0 }],
    ['plain', { features: 'body' }, { ...scripted, featureChannels: 12, featureStride: 4 }],
    ['plain', { features: 'stem.0' }, { ...scripted, featureChannels: 8, featureStride: 2 }],
    ['dictionary', { features: 'aux' }, { output: 'a dict with the keys aux, logits', featureChannels: 12 }],
    ['pair', { logits: 1, features: 0 }, { ...scripted, featureChannels: 12 }],
    ['items', { logits: 1, features: 'body.1' }, { ...scripted, featureChannels: 12 }],
    ['traced', { features: 'body' }, { ...scripted, trainingMode: false, featureChannels: 12 }],
    ['traced-pair', { logits: 1, features: 0 }, { ...scripted, trainingMode: false, featureChannels: 12 }],
    ['full', { features: 'body' }, { ...scripted, stride: 1, featureStride: 4 }],
    ['inplace', { features: 'body' }, { ...scripted, featureChannels: 12 }],
    ['half', { features: 'body' }, { ...scripted, weightsDtype: 'F16' }],
    ['values', { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] }, scripted],
    ['bgr', { channels: 'bgr', features: 'body' }, scripted],
    ['fixed', { inputSize: [64, 96] }, { ...scripted, stride: 1, trainingMode: false }],
  ]
  for (const [name, options, report] of same) {
    it(`${name} with ${JSON.stringify(options)}: the same logits, before and after it is saved`, async () => {
      const model = await open(name, options)
      expect(model.torchscript).to.include(report)
      const { logits } = await model.forward(image)
      // Values of 0 … 255 give large logits.
      const scale = name === 'values' ? 1 / 255 : 1
      const scaled = (data: ArrayLike<number>) => Array.from(data, (value) => value * scale)
      expectClose(
        { ...logits, data: Float32Array.from(scaled(logits.data)) },
        { ...made[name], data: scaled(made[name].data) },
      )
      expect((await model.segment(image)).labels.shape).to.deep.equal([1, HEIGHT, WIDTH])
      const trainer = new Trainer(model, { objective: 'hybrid', negatives: null, learningRate: 1e-3 })
      expect((await trainer.step(batch)).gradNorm).to.be.above(0)
      trainer.dispose()
      const path = join(folder.path, 'saved.safetensors')
      await model.save(path)
      const loaded = await Segmenter.load(path)
      const [before, after] = [await model.forward(image), await loaded.forward(image)]
      expect(after).to.deep.equal(before)
      model.dispose()
      loaded.dispose()
    })
  }

  it('finds the multiple that a module asks for; padding does not reach far', async () => {
    const model = await open('strict', { features: 'body' })
    expect(model.torchscript).to.include({ padTo: 32, featureChannels: 12 })
    expectClose((await model.forward(image)).logits, made.strict, 2)
    model.dispose()
    const padded = await open('plain', { padTo: 32 })
    expectClose((await padded.forward(image)).logits, made.plain, 2)
    padded.dispose()
    const error = await rejection(open('strict', { padTo: 8 }), 'INVALID_ARGUMENT')
    expect(error.message).to.contain('sides must be multiples of 32')
    expect(error.hint).to.contain('padTo')
  })

  it('says what is wrong with modules that cannot be used', async () => {
    const refused = async (
      name: string,
      message: RegExp,
      options = {},
      code = 'INVALID_ARGUMENT' as const,
    ) => {
      const error = await rejection(open(name, options), code)
      expect(error.message).to.contain(`${name}.pt`).and.match(message)
      return error
    }
    const invalidFile = 'INVALID_FILE' as 'INVALID_ARGUMENT'
    expect((await refused('fixed', /its input size is fixed/)).hint).to.contain('inputSize')
    await refused('mean', /Expected logits of shape N×C×h×w but the module gives a tensor \[\]/)
    await refused('pair', /a tuple of a tensor .*; which of these are the logits\?/)
    await refused('items', /there is no 2 in it/, { logits: 2 })
    await refused('pair', /there are no features 5/, { logits: 1, features: 5 })
    await refused('branch', /inside an if or a loop/, { features: 'body' })
    await refused('plain', /does not call a submodule head/, { features: 'head' })
    await refused('plain', /logits of 5 classes but .* 4 channels/, { classes: 5 })
    await refused('writer', /calls aten::save, which reads or writes files/, {}, invalidFile)
    await expectMissing(join(folder.path, 'written'))
    await refused('broken', /classifier\.weight holds values that are not finite/, {}, invalidFile)
    expect((await refused('frozen', /has no weights: was it frozen/, {}, invalidFile)).message).to.contain(
      'freeze',
    )
    const branch = await open('branch')
    expect((await branch.forward(image)).logits.shape).to.deep.equal([1, 4, 18, 26])
    branch.dispose()
  })

  it('trains the head alone of a module that computes without gradients', async () => {
    const model = await open('detached', { features: 'body' })
    expect(model.torchscript?.trainable).to.equal(false)
    for (const objective of ['closed-set', 'hybrid'] as const) {
      const error = thrown(() => new Trainer(model, { objective, negatives: null }), 'INVALID_ARGUMENT')
      expect(error.message).to.contain('No gradient reaches')
      expect(error.hint).to.contain('all-but-head')
    }
    const { logits } = await model.forward(image)
    const trainer = new Trainer(model, { objective: 'hybrid', negatives: null, freeze: 'all-but-head' })
    expect((await trainer.step(batch)).gradNorm).to.be.above(0)
    trainer.dispose()
    expect((await model.forward(image)).logits).to.deep.equal(logits)
    model.dispose()
  })

  it('what is fine-tuned here goes back into the PyTorch module by name, with the same logits', async () => {
    const model = await open('plain', { features: 'body' })
    const trainer = new Trainer(model, { objective: 'hybrid', negatives: null, learningRate: 1e-2 })
    for (let i = 0; i < 5; i++) await trainer.step(batch)
    trainer.dispose()
    const path = join(folder.path, 'tuned.safetensors')
    await model.save(path)
    const { logits } = await model.forward(image)
    const distance = Math.max(...logits.data.map((value, i) => Math.abs(value - made.plain.data[i])))
    expect(distance, 'five steps').to.be.above(1e-2)
    expectClose(logits, await run(folder.path, path))
    model.dispose()
  })
})

async function expectMissing(path: string): Promise<void> {
  const found = await access(path).then(
    () => true,
    () => false,
  )
  expect(found, path).to.equal(false)
}
