import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import type { NativeStepResult } from '../../lib/binding/native.ts'
import type { Batch } from '../../lib/data/batch.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { hybridScore } from '../../lib/functional.ts'
import { SCORE_NAMES } from '../../lib/scores.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import type { Tensor } from '../../lib/tensor.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { type TempFolder, tempFolder } from '../support/image-files.ts'
import { noiseImages, TOY_CLASSES, toyDataset, toyNegatives } from '../support/toy-data.ts'

/**
 * Convolutions round to TF32 on a GPU: ten bits of mantissa, through the whole network. The kernels alone are compared
 * with their reference, tightly, by the C++ tests (`backends:`).
 */
const TOLERANCE = 2e-2

const images = noiseImages([2, 64, 96, 3])

/** The largest |a − b| / (1 + |b|). */
function difference(a: Tensor, b: Tensor): number {
  expect(a.shape).to.deep.equal(b.shape)
  return a.data.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - b.data[i]) / (1 + Math.abs(b.data[i]))),
    0,
  )
}

async function firstBatch(): Promise<Batch> {
  const loader = new DataLoader(toyDataset(4), { batchSize: 2, crop: [64, 64], seed: 3 })
  for await (const batch of loader.epoch(0)) return batch
  throw new Error('no batch')
}

describe('device cuda', function () {
  this.timeout(300_000)
  let folder: TempFolder
  let path: string
  let host: Segmenter
  let gpu: Segmenter
  before(async function () {
    needAddon(this)
    const { cuda, devices } = loadNative().info()
    if (!cuda || !devices.some(({ type }) => type === 'cuda')) {
      console.log(`      skipped: ${cuda ? 'libtorch sees no CUDA device' : 'info().cuda is false'}`)
      this.skip()
    }
    folder = await tempFolder()
    path = join(folder.path, 'model.safetensors')
    host = await Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: [...TOY_CLASSES] })
    await host.save(path)
    gpu = await Segmenter.load(path, { device: 'cuda' })
  })
  after(async () => {
    host?.dispose()
    gpu?.dispose()
    await folder?.remove()
  })

  it('forward gives the logits of the CPU', async () => {
    const [here, there] = [await host.forward(images), await gpu.forward(images)]
    expect(difference(there.logits, here.logits)).to.be.below(TOLERANCE)
    expect(difference(there.oodLogits, here.oodLogits)).to.be.below(TOLERANCE)
  })

  it('segment scores as hybridScore does on the CPU', async () => {
    const { logits, oodLogits } = await gpu.forward(images)
    const options = { scores: SCORE_NAMES, threshold: -1 } as const
    const expected = await hybridScore(logits, oodLogits, [64, 96], options)
    const { labels, scores } = await gpu.segment(images, options)
    for (const name of SCORE_NAMES) {
      // Two forward passes may choose two algorithms for a convolution.
      expect(difference(scores[name], expected.scores[name]), name).to.be.below(TOLERANCE)
    }
    const other = labels.data.reduce(
      (count, label, i) => count + Number(label !== expected.labels.data[i]),
      0,
    )
    expect(other / labels.data.length).to.be.below(0.01)
  })

  for (const objective of ['closed-set', 'hybrid'] as const) {
    it(`trains with the ${objective} objective as the CPU does`, async () => {
      const batch = await firstBatch()
      const results: NativeStepResult[][] = []
      for (const device of ['cpu', 'cuda']) {
        const model = await Segmenter.load(path, { device })
        const negatives = objective === 'hybrid' ? { negatives: toyNegatives } : {}
        const trainer = new Trainer(model, { objective, ...negatives, learningRate: 1e-3 })
        results.push([await trainer.step(batch), await trainer.step(batch)])
        trainer.dispose()
        model.dispose()
      }
      for (const [step, here] of results[0].entries()) {
        for (const name of ['total', 'cls', 'x', 'd', 'gradNorm'] as const) {
          const allowed = TOLERANCE * (1 + Math.abs(here[name]))
          expect(results[1][step][name], `${name} of step ${step}`).to.be.closeTo(here[name], allowed)
        }
      }
    })
  }
})
