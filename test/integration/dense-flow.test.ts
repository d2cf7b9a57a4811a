import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import { DenseFlow, insideOfFlow } from '../../lib/dense-flow.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { tensor } from '../../lib/tensor.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { noiseImages } from '../support/toy-data.ts'

const small = {
  architecture: 'denseflow-tiny',
  units: [2, 1],
  layers: [1, 1],
  mid: [8, 8],
  netGrowth: 8,
} as const
const patches = noiseImages([6, 16, 16, 3])

describe('DenseFlow', function () {
  this.timeout(60_000)
  let folder: TempFolder
  let flow: DenseFlow
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    flow = await DenseFlow.create(small)
    await flow.initialise(patches)
  })
  after(async () => {
    flow?.dispose()
    await folder?.remove()
  })

  describe('create', () => {
    it('builds the named configurations; options change parts of them', async () => {
      const tiny = await DenseFlow.create({ architecture: 'denseflow-tiny' })
      expect(tiny.reduction).to.equal(8)
      expect(tiny.device).to.equal('cpu')
      expect(flow.reduction).to.equal(4)
      expect(flow.config).to.deep.include({ ...small, growth: tiny.config.growth, attention: false })
      expect(flow.parameterCount).to.be.within(1000, tiny.parameterCount - 1)
      expect(tiny.initialised).to.equal(false)
      tiny.dispose()
    })

    it('the seed decides the weights', async () => {
      const weights = async (seed: number) => {
        const one = await DenseFlow.create({ ...small, seed })
        const name = 'transforms.3.blocks.0.transforms.0.transforms.1.weight'
        const { [name]: weight } = await insideOfFlow(one).tensors([name])
        one.dispose()
        return [...weight.data]
      }
      expect(await weights(1)).to.deep.equal(await weights(1))
      expect(await weights(1)).to.not.deep.equal(await weights(2))
    })

    const wrong: [string, object, string][] = [
      ['an unknown name', { architecture: 'denseflow-huge' }, 'architecture'],
      ['a misspelt option', { unit: [1] }, 'unit'],
      ['no block', { units: [] }, 'units'],
      ['too few layers', { units: [1, 1], layers: [1], mid: [8, 8] }, 'layers'],
      ['fractions', { units: [1.5], layers: [1], mid: [8] }, 'units[0]'],
      ['no growth', { growth: 0 }, 'growth'],
      ['text for a flag', { attention: 'yes' }, 'attention'],
      ['an unknown device', { device: 'tpu' }, 'device'],
      ['a negative seed', { seed: -1 }, 'seed'],
    ]
    for (const [what, options, name] of wrong) {
      it(`refuses ${what}`, async () => {
        const error = await rejection(
          DenseFlow.create({ ...small, ...options } as object),
          'INVALID_ARGUMENT',
        )
        expect(error.message).to.contain(name)
      })
    }
  })

  describe('initialise', () => {
    it('comes before likelihood and samples, once', async () => {
      const fresh = await DenseFlow.create(small)
      const size = { n: 1, height: 8, width: 8 }
      expect((await rejection(fresh.logProb(patches), 'INVALID_ARGUMENT')).message).to.contain(
        'not initialised',
      )
      expect((await rejection(fresh.sample(size), 'INVALID_ARGUMENT')).message).to.contain('not initialised')
      await rejection(fresh.reconstructionError(patches), 'INVALID_ARGUMENT')
      await fresh.initialise(patches)
      expect(fresh.initialised).to.equal(true)
      await fresh.sample(size)
      expect((await rejection(fresh.initialise(patches), 'INVALID_ARGUMENT')).message).to.contain('already')
      fresh.dispose()
    })
  })

  describe('logProb', () => {
    it('gives nats and bits per dimension of every patch', async () => {
      const { logProb, bitsPerDim } = await flow.logProb(patches)
      expect(logProb.shape).to.deep.equal([6])
      expect(bitsPerDim.data[2]).to.be.closeTo(-logProb.data[2] / (Math.LN2 * 16 * 16 * 3), 1e-9)
      // Noise has 8 bits; a flow that has only been initialised is a little worse.
      for (const bits of bitsPerDim.data) expect(bits).to.be.within(8, 11)
    })

    it('takes one patch without a batch; the seed decides the noise', async () => {
      const one = tensor(patches.data.slice(0, 16 * 16 * 3), [16, 16, 3])
      const { logProb } = await flow.logProb(one, { seed: 3 })
      expect(logProb.shape).to.deep.equal([1])
      expect([...(await flow.logProb(one, { seed: 3 })).logProb.data]).to.deep.equal([...logProb.data])
      expect([...(await flow.logProb(one, { seed: 4 })).logProb.data]).to.not.deep.equal([...logProb.data])
    })

    const size = 'multiples of 4'
    const bad: [string, object, string][] = [
      ['a size that is not divisible', tensor(new Uint8Array(18 * 16 * 3), [18, 16, 3]), size],
      ['floats', tensor(new Float32Array(16 * 16 * 3), [16, 16, 3]), 'Uint8Array'],
      ['four channels', tensor(new Uint8Array(16 * 16 * 4), [16, 16, 4]), 'N×H×W×3'],
      ['a shape that does not fit', tensor(new Uint8Array(16), [16, 16, 3]), 'values'],
    ]
    for (const [what, input, text] of bad) {
      it(`refuses ${what}`, async () => {
        expect(
          (await rejection(flow.logProb(input as typeof patches), 'INVALID_ARGUMENT')).message,
        ).to.contain(text)
      })
    }

    it('refuses no patch', async () => {
      await rejection(flow.logProb(tensor(new Uint8Array(0), [0, 16, 16, 3])), 'EMPTY')
    })

    it('says so when the weights are broken', async () => {
      const broken = await DenseFlow.create(small)
      await broken.initialise(patches)
      const name = 'base_dist.loc'
      const native = insideOfFlow(broken)
      const { [name]: loc } = await native.tensors([name])
      ;(loc.data as Float32Array).fill(Number.NaN)
      await native.loadTensors({ [name]: loc }, { strict: false })
      await rejection(broken.logProb(patches), 'NON_FINITE')
      await rejection(broken.sample({ n: 1, height: 8, width: 8 }), 'NON_FINITE')
      broken.dispose()
    })

    it('can be aborted', async () => {
      const signal = AbortSignal.abort('enough')
      expect((await rejection(flow.logProb(patches, { signal }), 'ABORTED')).cause).to.equal('enough')
    })
  })

  describe('sample', () => {
    it('gives bytes of any size, the same for the same seed', async () => {
      const options = { n: 2, height: 12, width: 20 }
      const { patches: drawn, outside } = await flow.sample({ ...options, seed: 1 })
      expect(drawn.shape).to.deep.equal([2, 12, 20, 3])
      expect(drawn.data).to.be.instanceOf(Uint8Array)
      expect(outside).to.be.within(0, 1)
      expect((await flow.sample({ ...options, seed: 1 })).patches.data).to.deep.equal(drawn.data)
      expect((await flow.sample({ ...options, seed: 2 })).patches.data).to.not.deep.equal(drawn.data)
    })

    it('bytes are the continuous values on the grid', async () => {
      const options = { n: 3, height: 8, width: 8, seed: 5 }
      const { patches: bytes } = await flow.sample(options)
      const { patches: values, outside } = await flow.sample({ ...options, continuous: true })
      expect(values.data).to.be.instanceOf(Float32Array)
      const grid = [...values.data].map((value) => Math.min(255, Math.max(0, Math.floor(256 * value))))
      expect([...bytes.data]).to.deep.equal(grid)
      const clamped = values.data.filter((value) => value < 0 || value >= 1).length
      expect(outside).to.be.closeTo(clamped / values.data.length, 1e-6)
    })

    const bad: [string, object, string][] = [
      ['a size that is not divisible', { height: 10 }, 'multiple of 4'],
      ['no patch', { n: 0 }, 'n'],
      ['no size', { width: undefined }, 'width'],
      ['a misspelt option', { heigth: 8 }, 'heigth'],
      ['text for a flag', { continuous: 'yes' }, 'continuous'],
    ]
    for (const [what, options, text] of bad) {
      it(`refuses ${what}`, async () => {
        const all = { n: 1, height: 8, width: 8, ...options }
        expect((await rejection(flow.sample(all), 'INVALID_ARGUMENT')).message).to.contain(text)
      })
    }
  })

  it('reconstructs patches to a fraction of a grey level', async () => {
    const { max, mean } = await flow.reconstructionError(patches)
    expect(max).to.be.within(Number.MIN_VALUE, 0.05)
    expect(mean).to.be.within(Number.MIN_VALUE, max)
  })

  describe('save and load', () => {
    it('gives the same flow back, with its metadata', async () => {
      const path = join(folder.path, 'flow.safetensors')
      await flow.save(path, { data: 'noise' })
      const back = await DenseFlow.load(path)
      expect(back.config).to.deep.equal(flow.config)
      expect(back.metadata).to.deep.equal({ data: 'noise' })
      expect(back.initialised).to.equal(true)
      expect((await back.logProb(patches)).logProb.data).to.deep.equal(
        (await flow.logProb(patches)).logProb.data,
      )
      back.dispose()
    })

    it('refuses a checkpoint of another configuration, naming what differs', async () => {
      const path = join(folder.path, 'other.safetensors')
      const other = await DenseFlow.create({ ...small, growth: 3 })
      await other.save(path)
      const before = (await flow.logProb(patches)).logProb.data
      const error = await rejection(flow.loadWeights(path), 'ARCHITECTURE_MISMATCH')
      expect(error.message).to.contain('growth 3').and.contain('growth 4').and.contain(path)
      expect((await flow.logProb(patches)).logProb.data).to.deep.equal(before)
      await other.initialise(patches)
      await other.save(path)
      const same = await DenseFlow.create({ ...small, growth: 3, seed: 9 })
      await same.loadWeights(path)
      expect((await same.logProb(patches)).logProb.data).to.deep.equal(
        (await other.logProb(patches)).logProb.data,
      )
      other.dispose()
      same.dispose()
    })

    it('refuses metadata that do not describe the tensors', async () => {
      const path = join(folder.path, 'lies.safetensors')
      const native = loadNative()
      const config = { ...flow.config, mid: [8, 9] }
      const tensors = await insideOfFlow(flow).tensors()
      await native.writeSafetensors(path, tensors, {
        'densehybrid.flow': JSON.stringify({ format: 1, config, user: {} }),
      })
      expect((await rejection(DenseFlow.load(path), 'ARCHITECTURE_MISMATCH')).message).to.contain(path)
    })

    it('refuses what is no checkpoint of a flow', async () => {
      const path = join(folder.path, 'model.safetensors')
      const model = await Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: 2 })
      await model.save(path)
      model.dispose()
      expect((await rejection(DenseFlow.load(path), 'INVALID_FILE')).message).to.contain('of a Segmenter')
      await rejection(DenseFlow.load(join(folder.path, 'missing.safetensors')), 'NOT_FOUND')
      const cut = join(folder.path, 'cut.safetensors')
      await flow.save(cut)
      await truncate(cut, 5000)
      await rejection(DenseFlow.load(cut), 'INVALID_FILE')
      const newer = join(folder.path, 'newer.safetensors')
      await loadNative().writeSafetensors(newer, {}, { 'densehybrid.flow': '{"format": 99}' })
      expect((await rejection(DenseFlow.load(newer), 'INVALID_FILE')).hint).to.contain('update')
    })
  })

  describe('dispose', () => {
    it('twice is fine; use afterwards is an error', async () => {
      const gone = await DenseFlow.create(small)
      gone.dispose()
      gone.dispose()
      await gone[Symbol.asyncDispose]()
      await rejection(gone.logProb(patches), 'DISPOSED')
      await rejection(gone.sample({ n: 1, height: 8, width: 8 }), 'DISPOSED')
      await rejection(gone.initialise(patches), 'DISPOSED')
      await rejection(gone.save(join(folder.path, 'gone.safetensors')), 'DISPOSED')
      expect(() => gone.initialised).to.throw('disposed')
    })

    it('lets running calls finish', async () => {
      const gone = await DenseFlow.create(small)
      const running = gone.initialise(patches)
      gone.dispose()
      await running
    })
  })

  describe('native trainer', () => {
    it('lowers the bits per dimension, and refuses a second trainer', async () => {
      const trained = await DenseFlow.create(small)
      const native = loadNative()
      const options = { betas: [0.9, 0.999] as [number, number], eps: 1e-7, clipNorm: 100 }
      const trainer = native.createFlowTrainer(insideOfFlow(trained), options)
      expect(() => native.createFlowTrainer(insideOfFlow(trained), options)).to.throw('already has a trainer')
      const losses: number[] = []
      for (let seed = 0; seed < 20; seed++) {
        losses.push((await trainer.step(patches, { learningRate: 1e-2, seed })).bitsPerDim)
      }
      expect(losses[19]).to.be.below(losses[0] - 0.1)
      expect(trainer.steps).to.equal(20)
      trainer.dispose()
      trained.dispose()
    })
  })
})
