import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import { scenes } from '../../lib/data/scenes/index.ts'
import { DenseFlow, insideOfFlow } from '../../lib/dense-flow.ts'
import { tensor } from '../../lib/tensor.ts'
import type { FlowFitOptions, FlowProgress } from '../../lib/training/flow-fit.ts'
import type { FlowTrainerOptions } from '../../lib/training/flow-options.ts'
import { FlowTrainer } from '../../lib/training/flow-trainer.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { memoryDataset } from '../support/memory-dataset.ts'
import { noiseImages, sameBits, toyDataset } from '../support/toy-data.ts'

const data = scenes({ split: 'train', length: 6, width: 64, height: 48 })
const patches = noiseImages([4, 16, 16, 3])
const small = { crop: 16, batchSize: 2 }

function makeFlow(): Promise<DenseFlow> {
  return DenseFlow.create({
    architecture: 'denseflow-tiny',
    units: [2, 1],
    layers: [1, 1],
    mid: [8, 8],
    netGrowth: 8,
  })
}

/** Runs `use` with a trainer of a new flow, then disposes both. */
async function withTrainer<T>(
  options: FlowTrainerOptions,
  use: (trainer: FlowTrainer) => Promise<T>,
): Promise<T> {
  const flow = await makeFlow()
  const trainer = new FlowTrainer(flow, options)
  try {
    return await use(trainer)
  } finally {
    trainer.dispose()
    flow.dispose()
  }
}

async function expectSameState(a: string, b: string): Promise<void> {
  const read = async (dir: string) => loadNative().readSafetensors(join(dir, 'flow-trainer.safetensors'))
  const [left, right] = [await read(a), await read(b)]
  const state = ({ metadata }: typeof left) => JSON.parse(metadata['densehybrid.flow-trainer'])
  expect(state(left)).to.deep.equal(state(right))
  expect(Object.keys(left.tensors)).to.deep.equal(Object.keys(right.tensors))
  const different = Object.keys(left.tensors).filter(
    (name) => !sameBits(left.tensors[name] as never, right.tensors[name] as never),
  )
  expect(different).to.deep.equal([])
}

describe('FlowTrainer', function () {
  this.timeout(120_000)
  let folder: TempFolder
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
  })
  after(() => folder?.remove())

  it('is one a flow', async () => {
    const flow = await makeFlow()
    const first = new FlowTrainer(flow)
    thrown(() => new FlowTrainer(flow), 'BUSY')
    first.dispose()
    first.dispose()
    new FlowTrainer(flow).dispose()
    flow.dispose()
    thrown(() => new FlowTrainer(flow), 'DISPOSED')
  })

  it('initialises a new flow with its first step; every step has noise of its own', () =>
    withTrainer({ learningRate: 0 }, async (trainer) => {
      expect(trainer.flow.initialised).to.equal(false)
      const first = await trainer.step(patches)
      expect(trainer.flow.initialised).to.equal(true)
      expect(first.bitsPerDim).to.be.within(8, 11)
      expect(first.gradNorm).to.be.above(0)
      expect((await trainer.step(patches)).bitsPerDim).not.to.equal(first.bitsPerDim)
      expect(trainer.position).to.deep.equal({ epoch: 0, batch: 0, step: 2 })
    }))

  it('lowers the bits per dimension of crops, and keeps the flow invertible', () =>
    withTrainer({ learningRate: 5e-3, seed: 1 }, async (trainer) => {
      const result = await trainer.fit(data, { ...small, steps: 60 })
      expect(result).to.include({ epoch: 20, step: 60 })
      expect(result.initialBitsPerDim).to.be.within(4, 10)
      expect(result.bitsPerDim).to.be.below(result.initialBitsPerDim - 0.5)
      const { max } = await trainer.flow.reconstructionError(patches)
      expect(max).to.be.below(0.05)
    }))

  it('reports progress with the scheduled rate, and waits for what is done with it', () =>
    withTrainer({ learningRate: 1e-3, minLearningRate: 0 }, async (trainer) => {
      const seen: FlowProgress[] = []
      await trainer.fit(data, {
        ...small,
        epochs: 2,
        onProgress: async (progress) => {
          await trainer.flow.sample({ n: 1, height: 8, width: 8 })
          expect(trainer.position.step).to.equal(progress.step)
          seen.push(progress)
        },
      })
      expect(seen.map(({ step }) => step)).to.deep.equal([1, 2, 3, 4, 5, 6])
      expect(seen[4]).to.include({ epoch: 1, epochs: 2, steps: 6 })
      for (const { step, learningRate, patchesPerSecond, waiting } of seen) {
        expect(learningRate).to.be.closeTo(5e-4 * (1 + Math.cos((Math.PI * (step - 1)) / 6)), 1e-12)
        expect(patchesPerSecond).to.be.above(0)
        expect(waiting).to.be.within(0, 1)
      }
    }))

  it('saves the flow alone, which DenseFlow.load reads, every so many steps', () =>
    withTrainer({}, async (trainer) => {
      const dir = join(folder.path, 'saved')
      const sizes: number[] = []
      await trainer.fit(data, {
        ...{ ...small, steps: 3, checkpointDir: dir, checkpointEvery: 2 },
        onProgress: async () => {
          sizes.push((await readFile(join(dir, 'flow.safetensors')).catch(() => Buffer.alloc(0))).length)
        },
      })
      expect(sizes.map((size) => size > 0)).to.deep.equal([false, false, true])
      const flow = await DenseFlow.load(join(dir, 'flow.safetensors'))
      const [ours, theirs] = [await trainer.flow.logProb(patches), await flow.logProb(patches)]
      expect([...theirs.logProb.data]).to.deep.equal([...ours.logProb.data])
      flow.dispose()
      const { message } = await rejection(
        DenseFlow.load(join(dir, 'flow-trainer.safetensors')),
        'INVALID_FILE',
      )
      expect(message).to.match(/flow-trainer\.safetensors is the state of a FlowTrainer/)
    }))

  describe('resume', () => {
    const options: FlowTrainerOptions = { learningRate: 3e-3, seed: 5 }
    const length: FlowFitOptions = { ...small, steps: 7 }

    it('continues bit by bit, wherever the run stopped', async () => {
      const whole = join(folder.path, 'whole')
      const expected = await withTrainer(options, (trainer) =>
        trainer.fit(data, { ...length, checkpointDir: whole }),
      )
      for (const stopAt of [1, 3, 5]) {
        const dir = join(folder.path, `stopped-${stopAt}`)
        await withTrainer(options, async (trainer) => {
          const controller = new AbortController()
          const run = trainer.fit(data, {
            ...{ ...length, checkpointDir: dir, signal: controller.signal },
            onProgress: ({ step }) => {
              if (step === stopAt) controller.abort()
            },
          })
          await rejection(run, 'ABORTED')
          expect(trainer.position.step).to.equal(stopAt)
        })
        const trainer = await FlowTrainer.resume(dir)
        expect(trainer.options.learningRate).to.equal(3e-3)
        expect(await trainer.fit(data, { ...length, checkpointDir: dir })).to.deep.equal(expected)
        trainer.dispose()
        trainer.flow.dispose()
        await expectSameState(whole, dir)
      }
      const finished = await FlowTrainer.resume(whole)
      expect(await finished.fit(data, length)).to.deep.equal(expected)
      finished.dispose()
      finished.flow.dispose()
    })

    it('asks for the same batches inside of an epoch', async () => {
      const dir = join(folder.path, 'inside')
      await withTrainer(options, (trainer) => trainer.fit(data, { ...small, steps: 1, checkpointDir: dir }))
      const trainer = await FlowTrainer.resume(dir)
      const error = await rejection(trainer.fit(data, { ...length, batchSize: 3 }), 'INVALID_ARGUMENT')
      expect(error.message).to.contain('batchesPerEpoch')
      trainer.dispose()
      trainer.flow.dispose()
    })

    it('names what is missing or no state', async () => {
      const nowhere = join(folder.path, 'nowhere')
      expect((await rejection(FlowTrainer.resume(nowhere), 'NOT_FOUND')).message).to.contain('nowhere')
      const flow = await makeFlow()
      await flow.save(join(folder.path, 'flow-trainer.safetensors'))
      flow.dispose()
      const error = await rejection(FlowTrainer.resume(folder.path), 'INVALID_FILE')
      expect(error.message).to.contain('not the state of a FlowTrainer')
    })
  })

  it('aborted before it begins does not train', () =>
    withTrainer({}, async (trainer) => {
      const run = trainer.fit(data, { ...small, steps: 1, signal: AbortSignal.abort() })
      await rejection(run, 'ABORTED')
      expect(trainer.position.step).to.equal(0)
    }))

  it('changes nothing when the likelihood is not finite, and names the step', () =>
    withTrainer({}, async (trainer) => {
      await trainer.step(patches)
      const native = insideOfFlow(trainer.flow)
      const name = 'base_dist.log_scale'
      const { [name]: scale } = await native.tensors([name])
      ;(scale.data as Float32Array).fill(-1e4)
      await native.loadTensors({ [name]: scale }, { strict: false })
      const before = await native.tensors()
      await rejection(trainer.step(patches), 'NON_FINITE')
      const after = await native.tensors()
      for (const key of Object.keys(before)) {
        expect(sameBits(before[key] as never, after[key] as never), key).to.equal(true)
      }
      const error = await rejection(trainer.fit(data, { ...small, steps: 2 }), 'NON_FINITE')
      expect(error.message).to.match(/^In step 0 \(patches of train-\d{4}, train-\d{4}\): /)
      expect(trainer.position.step).to.equal(1)
    }))

  it('does one thing at a time', () =>
    withTrainer({}, async (trainer) => {
      const running = trainer.step(patches)
      await rejection(trainer.step(patches), 'BUSY')
      await rejection(trainer.save(folder.path), 'BUSY')
      await rejection(trainer.fit(data, { ...small, steps: 1 }), 'BUSY')
      await running
      await trainer.step(patches)
    }))

  it('cannot be used after dispose, nor after its flow is gone', async () => {
    const flow = await makeFlow()
    const trainer = new FlowTrainer(flow)
    flow.dispose()
    await rejection(trainer.step(patches), 'DISPOSED')
    trainer.dispose()
    await rejection(trainer.step(patches), 'DISPOSED')
    await rejection(trainer.fit(data, { ...small, steps: 1 }), 'DISPOSED')
    await rejection(trainer.save(folder.path), 'DISPOSED')
  })

  describe('refuses', () => {
    const bad: [what: string, change: object, named: RegExp][] = [
      ['a crop that the flow cannot take', { crop: 18 }, /a multiple of 4 for crop but received 18/],
      ['a crop that is larger than the images', { crop: 64 }, /train-000\d, 64×48 pixels.* for crop/],
      ['images that the scale makes too small', { crop: 32, scale: [0.5, 1] }, /times 0\.5.* for crop/],
      ['no patches a step', { batchSize: 0 }, /batchSize/],
      ['neither epochs nor steps', { steps: undefined }, /either epochs or steps/],
      ['both epochs and steps', { epochs: 1 }, /either epochs or steps/],
      ['half a step', { steps: 1.5 }, /steps/],
      ['a misspelt option', { corp: 16 }, /corp/],
      ['a flip that is no probability', { flip: 2 }, /flip/],
      ['a folder without a name', { checkpointDir: '' }, /checkpointDir/],
      ['no interval between checkpoints', { checkpointEvery: 0 }, /checkpointEvery/],
      ['progress that is no function', { onProgress: 1 }, /onProgress/],
    ]
    for (const [what, change, named] of bad) {
      it(what, () =>
        withTrainer({}, async (trainer) => {
          const options = { ...small, steps: 1, ...change } as FlowFitOptions
          const error = await rejection(trainer.fit(data, options), 'INVALID_ARGUMENT')
          expect(error.message).to.match(named)
          expect(trainer.position.step).to.equal(0)
        }),
      )
    }

    it('data without images, and what is no data set', () =>
      withTrainer({}, async (trainer) => {
        const error = await rejection(
          trainer.fit(memoryDataset(['road'], []), { ...small, steps: 1 }),
          'EMPTY',
        )
        expect(error.message).to.contain('memory')
        await rejection(trainer.fit([] as never, { ...small, steps: 1 }), 'INVALID_ARGUMENT')
      }))

    it('patches of a wrong size or type, and a bad rate of a step', () =>
      withTrainer({}, async (trainer) => {
        const odd = tensor(new Uint8Array(18 * 16 * 3), [18, 16, 3])
        expect((await rejection(trainer.step(odd), 'INVALID_ARGUMENT')).message).to.contain('patches.shape')
        await rejection(trainer.step(new Float32Array(3) as never), 'INVALID_ARGUMENT')
        const rate = trainer.step(patches, { learningRate: Number.NaN })
        expect((await rejection(rate, 'INVALID_ARGUMENT')).message).to.contain('learningRate')
      }))
  })

  it('takes any data set: its labels do not matter', () =>
    withTrainer({}, async (trainer) => {
      const { step } = await trainer.fit(toyDataset(2, 32), { ...small, crop: 32, steps: 1 })
      expect(step).to.equal(1)
    }))
})
