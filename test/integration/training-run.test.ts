import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { folder as folderDataset } from '../../lib/data/datasets/folder.ts'
import { writeImage, writeLabelMap } from '../../lib/data/encode.ts'
import { hashDataset } from '../../lib/data/hash.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { scenes } from '../../lib/data/scenes/index.ts'
import { concat } from '../../lib/data/subset.ts'
import { real } from '../../lib/negatives/real.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { type TrainingRunOptions, trainInFolder } from '../../lib/training/training-run.ts'
import { needAddon } from '../support/addon.ts'
import { type TempFolder, tempFolder } from '../support/image-files.ts'
import { toyDataset } from '../support/toy-data.ts'

const generated = scenes({ split: 'train', length: 4, width: 96, height: 64 })
const { classes, palette = [] } = generated

describe('trainInFolder', function () {
  this.timeout(120_000)
  let folder: TempFolder
  let root: string
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    root = join(folder.path, 'data')
    for (let i = 0; i < 4; i++) {
      const { image, labels } = await generated.item(i)
      await folder.write(`data/images/${i}.png`, '')
      await folder.write(`data/labels/${i}.png`, '')
      await writeImage(join(root, `images/${i}.png`), image)
      await writeLabelMap(join(root, `labels/${i}.png`), labels)
    }
  })
  after(() => folder?.remove())

  const openFolder = () => folderDataset({ root, labels: 'labels', mapping: [...classes] })
  const makeModel = () =>
    Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: [...classes], palette })

  /** Trains in a folder of its own, then loads what was written. */
  async function train(name: string, changes: Partial<TrainingRunOptions> = {}) {
    const dir = join(folder.path, name)
    const run = await trainInFolder({
      dir,
      mode: 'new',
      createSegmenter: makeModel,
      dataset: generated,
      loader: { batchSize: 2, crop: [64, 64], seed: 1 },
      trainer: { objective: 'closed-set', seed: 1 },
      epochs: 1,
      config: { lr: 0.0004, out: dir },
      changeable: ['out', 'epochs'],
      ...changes,
    })
    run.segmenter.dispose()
    const model = await Segmenter.load(run.model)
    const { training } = model
    const colours = model.palette
    model.dispose()
    return { run, training, colours, bytes: await readFile(run.model) }
  }

  it('writes what the model was trained on, and how', async () => {
    const both = [generated, await openFolder()]
    const data = [
      { spec: 'scenes:train', dataset: both[0] },
      { spec: 'folder:data', dataset: both[1] },
    ]
    const { training, colours, run } = await train('described', { dataset: concat(both), data })
    expect(colours).to.deep.equal(palette)
    expect(training).to.deep.equal({
      objective: 'closed-set',
      version: JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')).version,
      epochs: 1,
      steps: 4,
      losses: { ...run.losses },
      config: { lr: 0.0004 },
      data: [
        { spec: 'scenes:train', name: 'scenes (train)', length: 4, ...(await hashDataset(both[0])) },
        { spec: 'folder:data', name: 'data', length: 4, ...(await hashDataset(both[1])) },
      ],
    })
  })

  it('gives the same file for the same seed, in any folder', async () => {
    const [first, second] = [await train('first'), await train('second')]
    expect(first.bytes.equals(second.bytes)).to.equal(true)
    expect(first.training?.data?.[0]).to.deep.include({ name: generated.name, hashOf: 'ids' })
    expect(first.training?.data?.[0]).not.to.have.property('spec')
  })

  it('keeps the earlier training of a model that is fine-tuned, with its negatives', async () => {
    const closed = await train('closed')
    const auxiliary = await openFolder()
    const { training } = await train('hybrid', {
      createSegmenter: () => Segmenter.load(closed.run.model),
      trainer: { objective: 'hybrid', seed: 1 },
      negatives: real(auxiliary, { modes: ['rectangle'] }),
      negativesSpec: 'folder:data?labels=labels',
      steps: 3,
      epochs: undefined,
    })
    expect(training).to.deep.include({ objective: 'hybrid', epochs: 1, steps: 3 })
    expect(training?.previous).to.deep.equal(closed.training)
    expect(training?.negatives).to.deep.equal([
      {
        spec: 'folder:data?labels=labels',
        name: 'data (rectangle)',
        length: 4,
        ...(await hashDataset(auxiliary)),
      },
    ])
  })

  it('a resumed run goes on with its record; data that changed meanwhile are listed beside the old', async () => {
    const whole = await train('whole', { epochs: 2 })
    await train('parts', { epochs: 1 })
    const resumed = await train('parts', { mode: 'resume', epochs: 2 })
    expect(resumed.training).to.deep.equal(whole.training)
    expect(resumed.bytes.equals(whole.bytes)).to.equal(true)

    const dataset = await openFolder()
    const before = await hashDataset(dataset)
    await train('changed', { dataset })
    const file = join(root, 'labels/0.png')
    const bytes = await readFile(file)
    await writeFile(file, Buffer.concat([bytes, Buffer.from('more')]))
    const { training } = await train('changed', { dataset, mode: 'resume', epochs: 2 })
    await writeFile(file, bytes)
    expect(training?.data?.map(({ hash }) => hash))
      .to.have.length(2)
      .and.to.include(before.hash)
    expect(training).to.deep.include({ epochs: 2, steps: 4 })
    expect(training).not.to.have.property('previous')
  })

  it('an interrupted run has left a record of the steps it made', async () => {
    const stop = new AbortController()
    const interrupted = train('stopped', {
      epochs: 50,
      signal: stop.signal,
      onProgress: ({ step }) => step === 3 && stop.abort(),
    })
    const error = await interrupted.then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error).to.include({ code: 'ABORTED' })
    const model = await Segmenter.load(join(folder.path, 'stopped/model.safetensors'))
    expect(model.training).to.deep.include({ epochs: 1, steps: 3 })
    expect(model.training?.data).to.have.length(1)
    model.dispose()
  })

  it('names a file of the data that is missing before anything is trained', async () => {
    const dataset = await openFolder()
    const file = join(root, 'labels/3.png')
    const bytes = await readFile(file)
    await rm(file)
    const failed = await train('missing', { dataset }).catch((error: Error) => error)
    await writeFile(file, bytes)
    expect(failed).to.include({ code: 'NOT_FOUND' })
    expect((failed as Error).message).to.include('labels/3.png')
  })

  describe('a Trainer without folder', () => {
    const loader = () => new DataLoader(toyDataset(4), { batchSize: 2, crop: [64, 64], seed: 3 })
    const toyModel = () =>
      Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: ['sky', 'road', 'car'] })

    it('records its own options, and the training before it', async () => {
      const model = await toyModel()
      expect(model.training).to.equal(undefined)
      const first = new Trainer(model, { objective: 'closed-set', learningRate: 1e-3 })
      const { losses } = await first.fit(loader(), { epochs: 1 })
      first.dispose()
      const before = model.training
      expect(before).to.deep.include({ objective: 'closed-set', epochs: 1, steps: 2, losses })
      expect(before?.config).to.deep.include({ objective: 'closed-set', learningRate: 1e-3 })
      const second = new Trainer(model, { objective: 'closed-set' })
      await second.save(join(folder.path, 'untouched'))
      expect(model.training).to.equal(before)
      for await (const batch of loader().epoch(0)) await second.step(batch)
      second.dispose()
      expect(model.training).to.deep.include({ steps: 2, epochs: 0, previous: before })
      expect(model.training).not.to.have.any.keys('losses', 'data')
      const path = join(folder.path, 'plain.safetensors')
      await model.save(path)
      const loaded = await Segmenter.load(path)
      expect(loaded.training).to.deep.equal(JSON.parse(JSON.stringify(model.training)))
      for (const one of [model, loaded]) one.dispose()
    })

    it('weights of a checkpoint bring its record along, other weights drop it', async () => {
      const model = await toyModel()
      const trainer = new Trainer(model, { objective: 'closed-set' })
      await trainer.fit(loader(), { steps: 1 })
      trainer.dispose()
      const path = join(folder.path, 'weights.safetensors')
      await model.save(path)
      const { architecture, classes: names } = model
      const made = await Segmenter.create({ architecture, classes: [...names], weights: path })
      expect(made.training?.steps).to.equal(1)
      const bare = await toyModel()
      const untrained = join(folder.path, 'untrained.safetensors')
      await bare.save(untrained)
      await bare.loadWeights(path)
      expect(bare.training).to.deep.equal(made.training)
      await bare.loadWeights(untrained)
      expect(bare.training).to.equal(undefined)
      for (const one of [model, made, bare]) one.dispose()
    })
  })
})
