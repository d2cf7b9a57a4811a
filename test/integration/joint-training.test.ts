import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Batch } from '../../lib/data/batch.ts'
import { UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { DenseFlow } from '../../lib/dense-flow.ts'
import { mix } from '../../lib/negatives/mix.ts'
import { pasteNegatives } from '../../lib/negatives/pasting.ts'
import { synthetic } from '../../lib/negatives/synthetic.ts'
import type { FlowNegative, NegativeSource } from '../../lib/negatives/types.ts'
import { random } from '../../lib/random.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { tensor } from '../../lib/tensor.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { noiseImages, TOY_CLASSES, toyDataset, toyNegatives } from '../support/toy-data.ts'

const SMALL = {
  architecture: 'denseflow-tiny',
  units: [1, 1],
  layers: [1, 1],
  mid: [8, 8],
  netDepth: 1,
  netGrowth: 8,
} as const
const SIDES = { sides: [16, 32] } as const

describe('synthetic negatives and joint training', function () {
  this.timeout(120_000)
  let folder: TempFolder
  let flow: DenseFlow
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    flow = await makeFlow()
  })
  after(async () => {
    flow?.dispose()
    await folder?.remove()
  })

  async function makeFlow(seed = 1): Promise<DenseFlow> {
    const made = await DenseFlow.create({ ...SMALL, seed })
    await made.initialise(noiseImages([16, 16, 16, 3], 3))
    return made
  }

  function makeBatch(count = 3): Batch {
    const labels = tensor(new Uint8Array(count * 64 * 48).fill(1), [count, 64, 48])
    return { images: noiseImages([count, 64, 48, 3]), labels, ids: ['a', 'b', 'c'].slice(0, count) }
  }

  const makeModel = () =>
    Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: [...TOY_CLASSES], seed: 1 })

  it('a source plans rectangles of the allowed sides that fit, and samples them elsewhere', async () => {
    const source = synthetic(flow, SIDES)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 16, max: 60 }), fc.nat(), async (side, seed) => {
        const { height, width } = await source.plan(random(seed), { height: side, width: 40 })
        for (const extent of [height, width])
          expect(extent % 8 === 0 && extent >= 16 && extent <= 32).to.equal(true)
        expect(height).to.be.at.most(side)
      }),
    )
    const target = { height: 64, width: 64 }
    const planned = await source.plan(random(4), target)
    const { image, mask } = await source.sample(random(4), target)
    expect(mask.shape).to.deep.equal([planned.height, planned.width])
    expect(new Set(mask.data)).to.deep.equal(new Set([1]))
    expect((await source.sample(random(4), target)).image.data).to.deep.equal(image.data)
    await rejection(source.plan(random(1), { height: 15, width: 64 }), 'EMPTY')
  })

  it('mix takes the first source with probability S', async () => {
    for (const probability of [0, 0.3, 1]) {
      const source = mix(toyNegatives, synthetic(flow, SIDES), probability)
      let real = 0
      for (let seed = 0; seed < 400; seed++) {
        const drawn = await source.plan!(random(seed), { height: 64, width: 64 })
        real += Number(!('flow' in drawn))
      }
      expect(real / 400).to.be.closeTo(probability, 0.07)
    }
    thrown(() => mix(toyNegatives, synthetic(flow), 1.5), 'INVALID_ARGUMENT')
    thrown(() => mix({} as NegativeSource, synthetic(flow), 0.5), 'INVALID_ARGUMENT')
  })

  it('windows are labelled and keep their colours; every other pixel stays', async () => {
    const batch = makeBatch()
    const source = mix(toyNegatives, synthetic(flow, SIDES), 0)
    const { images, labels, windows } = await pasteNegatives(batch, source, { seed: 5, leaveToFlow: true })
    expect(images.data).to.deep.equal(batch.images.data)
    expect(windows).to.have.length(3)
    const expected = batch.labels.data.slice()
    for (const { image, top, left, height, width } of windows ?? []) {
      for (let y = top; y < top + height; y++)
        expected.fill(UNKNOWN_LABEL, (image * 64 + y) * 48 + left, (image * 64 + y) * 48 + left + width)
    }
    expect(labels.data).to.deep.equal(expected)
    const pasted = await pasteNegatives(batch, source, { seed: 5 })
    expect(pasted.windows).to.equal(undefined)
    expect(pasted.images.data).to.not.deep.equal(batch.images.data)
  })

  it('a step trains segmenter and flow; the same seeds give the same step', async () => {
    const run = async () => {
      const [model, own] = [await makeModel(), await makeFlow()]
      const trainer = new Trainer(model, {
        objective: 'hybrid',
        negatives: synthetic(own, SIDES),
        flow: own,
        flowLearningRate: 1e-3,
      })
      const before = (await own.logProb(noiseImages([2, 16, 16, 3], 9))).bitsPerDim.data.slice()
      const results = [await trainer.step(makeBatch()), await trainer.step(makeBatch())]
      const after = (await own.logProb(noiseImages([2, 16, 16, 3], 9))).bitsPerDim.data.slice()
      trainer.dispose()
      own.dispose()
      model.dispose()
      expect(after).to.not.deep.equal(before)
      return results
    }
    const first = await run()
    expect(first[0]).to.include.keys('mle', 'jsd', 'outside', 'flowGradNorm')
    expect(first[0].mle).to.be.within(1, 20)
    expect(first[0].jsd).to.be.within(0, Math.LN2)
    expect(first[0].outside).to.be.within(0, 1)
    expect(await run()).to.deep.equal(first)
  })

  it('an interrupted run goes on bit by bit, and leaves the flow as a checkpoint', async () => {
    const makeLoader = () => new DataLoader(toyDataset(6), { batchSize: 2, crop: [48, 48], seed: 2 })
    const start = async () => {
      const [model, own] = [await makeModel(), await makeFlow()]
      const negatives = mix(toyNegatives, synthetic(own, SIDES), 0.5)
      const trainer = new Trainer(model, {
        objective: 'hybrid',
        negatives,
        flow: own,
        flowLearningRate: 1e-3,
      })
      return { trainer, own, negatives }
    }
    const whole = await start()
    const expected = await whole.trainer.fit(makeLoader(), {
      epochs: 2,
      checkpointDir: join(folder.path, 'a'),
    })
    expect(expected.losses).to.include.keys('mle', 'jsd', 'outside')

    const stopped = await start()
    const controller = new AbortController()
    const dir = join(folder.path, 'b')
    const aborted = stopped.trainer.fit(makeLoader(), {
      epochs: 2,
      checkpointDir: dir,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 4) controller.abort()
      },
    })
    await rejection(aborted, 'ABORTED')
    const own = await DenseFlow.load(join(dir, 'flow.safetensors'))
    const negatives = mix(toyNegatives, synthetic(own, SIDES), 0.5)
    await rejection(Trainer.resume(dir, { negatives }), 'INVALID_ARGUMENT')
    const resumed = await Trainer.resume(dir, { negatives, flow: own })
    expect(await resumed.fit(makeLoader(), { epochs: 2 })).to.deep.equal(expected)
    const patches = noiseImages([2, 16, 16, 3], 9)
    expect((await own.logProb(patches)).logProb.data).to.deep.equal(
      (await whole.own.logProb(patches)).logProb.data,
    )
  })

  it('refuses what cannot be trained, naming it', async () => {
    const fresh = await DenseFlow.create(SMALL)
    expect(thrown(() => synthetic(fresh), 'INVALID_ARGUMENT').message).to.contain('flow')
    thrown(() => synthetic(flow, { sides: [17, 23] }), 'INVALID_ARGUMENT')
    thrown(() => synthetic(flow, { sides: [32, 16] }), 'INVALID_ARGUMENT')
    const model = await makeModel()
    const other = await makeFlow(2)
    const source = synthetic(flow, SIDES)
    const options = { objective: 'hybrid', negatives: source } as const
    expect(
      thrown(() => new Trainer(model, { ...options, flow: other }), 'INVALID_ARGUMENT').message,
    ).to.contain('another flow')
    thrown(() => new Trainer(model, { ...options, flow, jsdWeight: -1 }), 'INVALID_ARGUMENT')
    thrown(() => new Trainer(model, { ...options, negatives: toyNegatives, flow }), 'INVALID_ARGUMENT')
    const trainer = new Trainer(model, { ...options, flow })
    thrown(() => new Trainer(model, { ...options, flow }), 'BUSY')
    const large: NegativeSource = {
      name: 'too large',
      sample: toyNegatives.sample,
      flow,
      plan: async (): Promise<FlowNegative> => ({ flow, height: 72, width: 16 }),
    }
    await rejection(pasteNegatives(makeBatch(), large, { leaveToFlow: true }), 'INVALID_ARGUMENT')
    // A frozen flow: no option flow, so its samples are pasted as pictures.
    trainer.dispose()
    const frozen = new Trainer(model, options)
    expect(await frozen.step(makeBatch())).to.not.include.keys('mle')
    await rejection(
      frozen.step({ ...makeBatch(), windows: [{ image: 0, top: 0, left: 0, height: 16, width: 16 }] }),
      'INVALID_ARGUMENT',
    )
    frozen.dispose()
  })
})
