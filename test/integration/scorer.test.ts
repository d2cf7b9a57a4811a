import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { expect } from 'chai'
import { parse } from 'npyjs'
import sharp from 'sharp'
import { readImage, readLabelMap, writeImage } from '../../lib/data/decode.ts'
import { readScoreMap } from '../../lib/evaluation/readers/score-map.ts'
import { narrowToHalf, widenHalf } from '../../lib/float16.ts'
import { type ScoreResult, Scorer } from '../../lib/scoring/scorer.ts'
import type { ScorerOptions } from '../../lib/scoring/scorer-options.ts'
import { insideOf, Segmenter } from '../../lib/segmenter.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { noiseImages } from '../support/toy-data.ts'

const tiny = { architecture: 'ladder-densenet-tiny', classes: ['sky', 'road', 'car'] } as const

describe('Scorer', function () {
  this.timeout(60_000)
  let folder: TempFolder
  let model: Segmenter
  let inputs: string[]
  before(async function () {
    needAddon(this)
    model = await Segmenter.create(tiny)
  })
  after(() => model?.dispose())
  beforeEach(async () => {
    folder = await tempFolder()
    inputs = []
    for (const [i, name] of ['a/1.png', 'a/2.png', 'b/1.png', 'b/1.webp'].entries()) {
      const path = await folder.write(join('in', name), '')
      const image = noiseImages([40 + i, 56, 3], i)
      if (name.endsWith('.png')) await writeImage(path, image)
      else
        await sharp(image.data, { raw: { width: 56, height: 40 + i, channels: 3 } })
          .webp()
          .toFile(path)
      inputs.push(path)
    }
  })
  afterEach(() => folder.remove())

  async function score(options: Partial<ScorerOptions> = {}, paths = inputs): Promise<ScoreResult[]> {
    const scorer = new Scorer(model, { out: join(folder.path, 'out'), ...options })
    const results: ScoreResult[] = []
    for await (const result of scorer.score(paths)) results.push(result)
    return results
  }

  async function readNpy(path: string): Promise<{ data: Float32Array; shape: number[] }> {
    const bytes = await readFile(path)
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    return parse(buffer as ArrayBuffer) as unknown as { data: Float32Array; shape: number[] }
  }

  it('writes HDF5 maps that hold the scores as float16', async () => {
    const [{ path, outputs, height, width, clamped }] = await score({ formats: ['hdf5'] }, [inputs[0]])
    expect(clamped).to.equal(0)
    expect(outputs['hdf5/hybrid']).to.match(/out\/hybrid\/.*\.hdf5$/)
    const { data, shape } = await readScoreMap(outputs['hdf5/hybrid'])
    expect(shape).to.deep.equal([height, width])
    const { scores } = await model.segment(await readImage(path))
    const { bits } = await narrowToHalf(scores.hybrid.data)
    expect([...data]).to.deep.equal([...widenHalf(bits)])
  })

  it('writes what segment gives, for every image, in order, without collisions', async () => {
    const results = await score({
      formats: ['npy', 'png16', 'labels', 'overlay'],
      scores: ['hybrid', 'entropy'],
      threshold: 0,
    })
    expect(results.map(({ path, status }) => [path, status])).to.deep.equal(
      inputs.map((path) => [path, 'done']),
    )
    const files = new Set(results.flatMap(({ outputs }) => Object.values(outputs)))
    expect(files.size).to.equal(4 * 6)
    for (const { path, outputs, height, width } of results) {
      const { labels, scores } = await model.segment(await readImage(path), {
        threshold: 0,
        scores: ['hybrid', 'entropy'],
      })
      expect([1, height, width]).to.deep.equal(labels.shape)
      for (const name of ['hybrid', 'entropy'] as const) {
        const { data, shape } = await readNpy(outputs[`npy/${name}`])
        expect(shape).to.deep.equal([height, width])
        expect([...data]).to.deep.equal([...scores[name].data])
      }
      expect([...(await readLabelMap(outputs.labels)).data]).to.deep.equal([...labels.data])
      const { depth, channels } = await sharp(outputs['png16/hybrid']).metadata()
      expect([depth, channels]).to.deep.equal(['ushort', 1])
      expect((await readImage(outputs.overlay)).shape[1]).to.be.above(4 * 56)
    }
    const ranges = JSON.parse(await readFile(join(folder.path, 'out/scores.json'), 'utf8'))
    expect(ranges.ranges.hybrid).to.deep.equal({ min: -40, max: 40 })
    expect(await readFile(join(folder.path, 'out/skipped.jsonl'), 'utf8')).to.equal('')
  })

  it('goes on past images that cannot be read', async () => {
    const broken = await folder.write('in/broken.jpg', 'no image')
    const missing = join(folder.path, 'in/missing.jpg')
    const results = await score({}, [inputs[0], broken, missing, inputs[1]])
    expect(results.map(({ status }) => status)).to.deep.equal(['done', 'skipped', 'skipped', 'done'])
    expect(results[1].reason).to.contain('broken.jpg')
    const lines = (await readFile(join(folder.path, 'out/skipped.jsonl'), 'utf8')).trim().split('\n')
    const listed = lines.map((line) => JSON.parse(line))
    expect(listed.map(({ path }) => path)).to.have.members([broken, missing])
    expect(listed.map(({ code }) => code)).to.have.members(['INVALID_FILE', 'NOT_FOUND'])
  })

  it('does not repeat what is finished, unless something changed', async () => {
    const again = async (options?: Partial<ScorerOptions>) =>
      (await score(options)).map(({ resumed = false }) => resumed)
    const first = await score()
    expect(first.map(({ resumed }) => resumed)).to.deep.equal([undefined, undefined, undefined, undefined])
    const second = await score()
    expect(second.map(({ outputs }) => outputs)).to.deep.equal(first.map(({ outputs }) => outputs))
    expect(second.every(({ resumed }) => resumed)).to.equal(true)
    await utimes(inputs[0], 1, 1)
    expect(await again()).to.deep.equal([false, true, true, true])
    expect(await again({ threshold: 1 })).to.deep.equal([false, false, false, false])
    expect(await again({ threshold: 1, overwrite: true })).to.deep.equal([false, false, false, false])
    await rm(first[2].outputs.labels)
    expect(await again({ threshold: 1 })).to.deep.equal([true, true, false, true])
  })

  it('notices other weights', async () => {
    const other = await Segmenter.create(tiny)
    const out = join(folder.path, 'out')
    const run = async () => {
      const resumed: (boolean | undefined)[] = []
      for await (const result of new Scorer(other, { out }).score([inputs[0]])) resumed.push(result.resumed)
      return resumed
    }
    await run()
    expect(await run()).to.deep.equal([true])
    const native = insideOf(other).model
    const { 'logits.conv.bias': bias } = await native.tensors(['logits.conv.bias'])
    bias.data[0] = 0.5
    await native.loadTensors({ 'logits.conv.bias': bias }, { strict: false })
    expect(await run()).to.deep.equal([undefined])
    other.dispose()
  })

  it('reduces large images', async () => {
    const [{ height, width, outputs }] = await score({ maxSide: 48, formats: ['npy'] }, [inputs[0]])
    expect([height, width]).to.deep.equal([34, 48])
    expect((await readNpy(outputs['npy/hybrid'])).shape).to.deep.equal([34, 48])
  })

  it('takes paths from an asynchronous source and leaves repeated ones out', async () => {
    async function* source() {
      yield inputs[0]
      yield relative(process.cwd(), inputs[0])
      yield inputs[1]
    }
    const seen: string[] = []
    const scorer = new Scorer(model, { out: join(folder.path, 'out'), root: join(folder.path, 'in') })
    for await (const { path, outputs } of scorer.score(source())) seen.push(path, outputs.labels)
    expect(seen).to.deep.equal([
      inputs[0],
      join(folder.path, 'out/labels/a/1.png'),
      inputs[1],
      join(folder.path, 'out/labels/a/2.png'),
    ])
  })

  it('stops when the loop is left or the signal fires, and goes on later', async () => {
    const scorer = new Scorer(model, { out: join(folder.path, 'out'), concurrency: 1 })
    for await (const { status } of scorer.score(inputs)) {
      expect(status).to.equal('done')
      break
    }
    const controller = new AbortController()
    const run = (async () => {
      for await (const _ of scorer.score(inputs, { signal: controller.signal })) controller.abort()
    })()
    await rejection(run, 'ABORTED')
    expect((await score())[0].resumed).to.equal(true)
    const files = await readdir(join(folder.path, 'out'), { recursive: true })
    const known = /\.(png|json|jsonl)$|^(hybrid|labels)(\/[ab])?$/
    expect(
      files.filter((file) => !known.test(file)),
      'no temporary files',
    ).to.deep.equal([])
  })

  it('ends where results cannot be written', async () => {
    const out = join(folder.path, 'file')
    await writeFile(out, 'in the way')
    const error = await rejection(score({ out }), 'IO').catch(() => rejection(score({ out }), 'NOT_FOUND'))
    expect(error.message).to.contain(basename(out))
  })

  it('ends where the model gives no numbers', async () => {
    const broken = await Segmenter.create(tiny)
    const native = insideOf(broken).model
    const { 'logits.conv.bias': bias } = await native.tensors(['logits.conv.bias'])
    bias.data[0] = Number.NaN
    await native.loadTensors({ 'logits.conv.bias': bias }, { strict: false })
    const run = (async () => {
      for await (const _ of new Scorer(broken, { out: join(folder.path, 'out') }).score(inputs)) break
    })()
    expect((await rejection(run, 'NON_FINITE')).message).to.contain(inputs[0])
    broken.dispose()
    thrown(() => new Scorer(broken, { out: 'x' }), 'DISPOSED')
  })
})
