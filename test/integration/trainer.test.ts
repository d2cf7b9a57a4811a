import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import type { Batch } from '../../lib/data/batch.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { insideOf, Segmenter } from '../../lib/segmenter.ts'
import type { FitOptions } from '../../lib/training/fit-options.ts'
import type { TrainerOptions } from '../../lib/training/options.ts'
import type { TrainingProgress } from '../../lib/training/progress.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { sameBits, TOY_CLASSES, toyDataset, toyNegatives } from '../support/toy-data.ts'

const hybrid: TrainerOptions = { objective: 'hybrid', negatives: toyNegatives, learningRate: 1e-3 }
const closed: TrainerOptions = { objective: 'closed-set', learningRate: 1e-3 }

function makeModel(seed = 0): Promise<Segmenter> {
  return Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: [...TOY_CLASSES], seed })
}

function makeLoader(length = 8, batchSize = 2): DataLoader {
  return new DataLoader(toyDataset(length), { batchSize, crop: [64, 64], seed: 3 })
}

async function firstBatch(): Promise<Batch> {
  for await (const batch of makeLoader().epoch(0)) return batch
  throw new Error('no batch')
}

/** Runs `use` with a trainer on a new model, then disposes both. */
async function withTrainer(options: TrainerOptions, use: (trainer: Trainer) => Promise<void>): Promise<void> {
  const model = await makeModel()
  const trainer = new Trainer(model, options)
  try {
    await use(trainer)
  } finally {
    trainer.dispose()
    model.dispose()
  }
}

/** All tensors of the model and of its optimiser. */
async function stateTensors(dir: string) {
  return (await loadNative().readSafetensors(join(dir, 'trainer.safetensors'))).tensors
}

async function expectSameTensors(a: string, b: string): Promise<void> {
  const [left, right] = [await stateTensors(a), await stateTensors(b)]
  expect(Object.keys(left)).to.deep.equal(Object.keys(right))
  const different = Object.keys(left).filter((name) => !sameBits(left[name] as never, right[name] as never))
  expect(different).to.deep.equal([])
}

describe('Trainer', function () {
  this.timeout(120_000)
  let folder: TempFolder
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
  })
  after(() => folder?.remove())

  it('is one a model', async () => {
    const model = await makeModel()
    const first = new Trainer(model, closed)
    thrown(() => new Trainer(model, closed), 'BUSY')
    first.dispose()
    first.dispose()
    new Trainer(model, closed).dispose()
    model.dispose()
    thrown(() => new Trainer(model, closed), 'DISPOSED')
  })

  it('lowers the closed-set loss', () =>
    withTrainer(closed, async (trainer) => {
      const batch = await firstBatch()
      const losses: number[] = []
      for (let i = 0; i < 20; i++) losses.push((await trainer.step(batch)).total)
      expect(losses[19]).to.be.below(losses[0] * 0.5)
      expect(trainer.position).to.deep.equal({ epoch: 0, batch: 0, step: 20 })
      expect(trainer.segmenter.hybrid).to.equal(false)
    }))

  it('lowers the hybrid loss and separates what was pasted', () =>
    withTrainer({ ...hybrid, learningRate: 2e-3 }, async (trainer) => {
      const model = trainer.segmenter
      model.threshold = 5
      const result = await trainer.fit(makeLoader(), { epochs: 12 })
      expect(result.history).to.have.length(12)
      expect(result.losses.cls).to.be.below(result.history[0].losses.cls * 0.6)
      expect(result.losses.d).to.be.below(result.history[0].losses.d)
      expect(model.hybrid).to.equal(true)
      expect(model.threshold, 'a threshold of other weights').to.equal(undefined)
    }))

  it('gives L_x = 0 and no NaN for a batch without negatives', () =>
    withTrainer({ ...hybrid, negatives: null }, async (trainer) => {
      const { total, cls, x, d, gradNorm } = await trainer.step(await firstBatch())
      expect(x).to.equal(0)
      expect(total).to.be.closeTo(cls + 0.3 * d, 1e-4)
      expect(gradNorm).to.be.above(0)
    }))

  it('pastes negatives into a batch without any, the same ones for the same step', async () => {
    const batch = await firstBatch()
    const results: number[] = []
    for (let run = 0; run < 2; run++) {
      await withTrainer(hybrid, async (trainer) => {
        const { x, total } = await trainer.step(batch)
        expect(x).not.to.equal(0)
        results.push(total)
      })
    }
    expect(results[0]).to.equal(results[1])
    expect(batch.labels.data.includes(UNKNOWN_LABEL), 'the batch itself').to.equal(false)
  })

  it('takes a batch in which every pixel is ignored', () =>
    withTrainer({ ...hybrid, negatives: null }, async (trainer) => {
      const batch = await firstBatch()
      batch.labels.data.fill(IGNORE_LABEL)
      expect(await trainer.step(batch)).to.include({ total: 0, cls: 0, x: 0, d: 0 })
    }))

  it('refuses labels that the model does not have', () =>
    withTrainer(closed, async (trainer) => {
      const batch = await firstBatch()
      batch.labels.data[10] = 3
      expect((await rejection(trainer.step(batch), 'INVALID_ARGUMENT')).message).to.contain('0 to 2')
      const { images, ids } = batch
      const wrongSize = { images, ids, labels: { data: new Uint8Array(4), shape: [1, 2, 2] } }
      await rejection(trainer.step(wrongSize), 'INVALID_ARGUMENT')
      await rejection(trainer.step({} as Batch), 'INVALID_ARGUMENT')
    }))

  it('changes nothing when the loss is not finite', () =>
    withTrainer(closed, async (trainer) => {
      const { model } = insideOf(trainer.segmenter)
      await trainer.step(await firstBatch())
      const { 'logits.conv.weight': weight } = await model.tensors(['logits.conv.weight'])
      weight.data[0] = Number.NaN
      await model.loadTensors({ 'logits.conv.weight': weight }, { strict: false })
      const before = await model.tensors()
      await rejection(trainer.step(await firstBatch()), 'NON_FINITE')
      expect(trainer.position.step).to.equal(1)
      const after = await model.tensors()
      for (const name of Object.keys(before))
        expect(sameBits(before[name] as never, after[name] as never), name).to.equal(true)
      const error = await rejection(trainer.fit(makeLoader(), { epochs: 1 }), 'NON_FINITE')
      expect(error.message).to.match(/epoch 0, step 0 \(images toy-\d, toy-\d\)/)
    }))

  it('does one thing at a time', () =>
    withTrainer(closed, async (trainer) => {
      const batch = await firstBatch()
      const running = trainer.step(batch)
      await rejection(trainer.step(batch), 'BUSY')
      await rejection(trainer.save(folder.path), 'BUSY')
      await running
      await trainer.step(batch)
    }))

  it('cannot be used after dispose, nor after its model is gone', async () => {
    const model = await makeModel()
    const trainer = new Trainer(model, closed)
    const batch = await firstBatch()
    const running = trainer.step(batch)
    model.dispose()
    expect((await running).total).to.be.above(0)
    await rejection(trainer.step(batch), 'DISPOSED')
    trainer.dispose()
    await rejection(trainer.step(batch), 'DISPOSED')
    await rejection(trainer.fit(makeLoader(), { epochs: 1 }), 'DISPOSED')
  })

  it('reports progress, validates and saves after every epoch', () =>
    withTrainer(hybrid, async (trainer) => {
      const dir = join(folder.path, 'progress')
      const seen: TrainingProgress[] = []
      const validated: number[] = []
      const { history, ...end } = await trainer.fit(makeLoader(), {
        epochs: 2,
        checkpointDir: dir,
        onProgress: (progress) => seen.push(progress),
        validate: async (segmenter, epoch) => {
          expect(segmenter).to.equal(trainer.segmenter)
          validated.push(epoch)
          if (epoch === 1) await copyFile(join(dir, 'trainer.safetensors'), join(dir, 'epoch-1.safetensors'))
          return { mIoU: epoch / 2 }
        },
      })
      expect(seen.map(({ step }) => step)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8])
      expect(seen[7]).to.include({ epoch: 1, epochs: 2, steps: 8 })
      expect(seen[7].imagesPerSecond).to.be.above(0)
      expect(seen[7].waiting).to.be.within(0, 1)
      const rates = [1e-3, (1e-3 + 1e-7) / 2].flatMap((rate) => Array(4).fill(rate))
      for (const [i, { learningRate }] of seen.entries()) expect(learningRate).to.be.closeTo(rates[i], 1e-12)
      expect(validated).to.deep.equal([0, 1])
      expect(history.map(({ validation }) => validation)).to.deep.equal([{ mIoU: 0 }, { mIoU: 0.5 }])
      expect(end).to.deep.include({ epoch: 2, step: 8, losses: history[1].losses })
      const model = await Segmenter.load(join(dir, 'model.safetensors'))
      expect(model.hybrid).to.equal(true)
      model.dispose()
      expect(await readFile(join(dir, 'epoch-1.safetensors'))).not.to.deep.equal(
        await readFile(join(dir, 'trainer.safetensors')),
      )
    }))

  it('stops at a number of steps', () =>
    withTrainer(closed, async (trainer) => {
      const { epoch, step, history } = await trainer.fit(makeLoader(), { steps: 6 })
      expect([epoch, step, history.length]).to.deep.equal([1, 6, 1])
    }))

  describe('resume', () => {
    const length = { epochs: 3 }

    /** The run without interruption, saved. */
    async function wholeRun(dir: string, options: TrainerOptions, fit: FitOptions) {
      const model = await makeModel()
      const trainer = new Trainer(model, options)
      const result = await trainer.fit(makeLoader(), { ...fit, checkpointDir: dir })
      trainer.dispose()
      model.dispose()
      return result
    }

    /** The same run, aborted after `stopAt` steps and resumed. */
    async function interruptedRun(dir: string, options: TrainerOptions, fit: FitOptions, stopAt: number) {
      await withTrainer(options, async (trainer) => {
        const controller = new AbortController()
        const run = trainer.fit(makeLoader(), {
          ...fit,
          checkpointDir: dir,
          signal: controller.signal,
          onProgress: ({ step }) => {
            if (step === stopAt) controller.abort()
          },
        })
        await rejection(run, 'ABORTED')
        expect(trainer.position.step).to.equal(stopAt)
      })
      const negatives = options.objective === 'hybrid' ? options.negatives : undefined
      const trainer = await Trainer.resume(dir, { negatives })
      const result = await trainer.fit(makeLoader(), { ...fit, checkpointDir: dir })
      trainer.dispose()
      trainer.segmenter.dispose()
      return result
    }

    it('continues a hybrid run bit by bit, wherever it stopped', async () => {
      const options: TrainerOptions = { ...hybrid, schedule: 'cosine-step' }
      const whole = join(folder.path, 'whole')
      const expected = await wholeRun(whole, options, length)
      for (const stopAt of [1, 4, 6, 11]) {
        const dir = join(folder.path, `stopped-${stopAt}`)
        const result = await interruptedRun(dir, options, length, stopAt)
        expect(result, `stopped after ${stopAt}`).to.deep.equal(expected)
        await expectSameTensors(whole, dir)
      }
    })

    it('continues a closed-set run', async () => {
      const [whole, stopped] = [join(folder.path, 'closed'), join(folder.path, 'closed-stopped')]
      const expected = await wholeRun(whole, closed, length)
      expect(await interruptedRun(stopped, closed, length, 5)).to.deep.equal(expected)
      await expectSameTensors(whole, stopped)
    })

    it('of a finished run has nothing to do', async () => {
      const dir = join(folder.path, 'finished')
      const expected = await wholeRun(dir, closed, { epochs: 1 })
      const trainer = await Trainer.resume(dir)
      expect(await trainer.fit(makeLoader(), { epochs: 1 })).to.deep.equal(expected)
      expect(trainer.options.learningRate).to.equal(1e-3)
      trainer.dispose()
      trainer.segmenter.dispose()
    })

    it('asks for the negatives, and for the same loader inside of an epoch', async () => {
      const dir = join(folder.path, 'asks')
      await withTrainer(hybrid, async (trainer) => {
        const controller = new AbortController()
        const run = trainer.fit(makeLoader(), {
          epochs: 1,
          checkpointDir: dir,
          signal: controller.signal,
          onProgress: () => controller.abort(),
        })
        await rejection(run, 'ABORTED')
      })
      expect((await rejection(Trainer.resume(dir), 'INVALID_ARGUMENT')).message).to.contain('negatives')
      const trainer = await Trainer.resume(dir, { negatives: toyNegatives })
      const other = trainer.fit(makeLoader(10), { epochs: 1 })
      expect((await rejection(other, 'INVALID_ARGUMENT')).message).to.contain('batchesPerEpoch')
      trainer.dispose()
      trainer.segmenter.dispose()
    })

    it('names what is missing or no state', async () => {
      expect((await rejection(Trainer.resume(join(folder.path, 'nowhere')), 'NOT_FOUND')).message).to.contain(
        'nowhere',
      )
      const model = await makeModel()
      await model.save(join(folder.path, 'trainer.safetensors'))
      model.dispose()
      expect((await rejection(Trainer.resume(folder.path), 'INVALID_FILE')).message).to.contain(
        'not the state of a Trainer',
      )
    })
  })

  it('aborted before it begins does not train', () =>
    withTrainer(closed, async (trainer) => {
      await rejection(trainer.fit(makeLoader(), { epochs: 1, signal: AbortSignal.abort() }), 'ABORTED')
      expect(trainer.position.step).to.equal(0)
    }))

  it('leaves the event loop free', function () {
    this.retries(2) // other processes may hold the processor
    return withTrainer(hybrid, async (trainer) => {
      const loader = new DataLoader(toyDataset(8, 128), { batchSize: 4, crop: [128, 128], seed: 3 })
      await trainer.fit(loader, { steps: 1 })
      let last = performance.now()
      let latest = 0
      const timer = setInterval(() => {
        const now = performance.now()
        latest = Math.max(latest, now - last - 10)
        last = now
      }, 10)
      try {
        await trainer.fit(loader, { steps: 8 })
      } finally {
        clearInterval(timer)
      }
      expect(latest, 'ms that a 10 ms timer was late').to.be.below(50)
    })
  })
})
