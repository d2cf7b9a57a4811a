import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dump } from 'npyjs'
import { writeLabelMap } from '../../lib/data/encode.ts'
import { evaluateImages } from '../../lib/evaluation/evaluate-images.ts'
import { openScores } from '../../lib/evaluation/evaluate-scores.ts'
import { readScoreMap } from '../../lib/evaluation/readers/score-map.ts'
import { scoreRange, writePng16 } from '../../lib/scoring/writers/png16.ts'
import { tensor } from '../../lib/tensor.ts'

const SHAPE = [2, 3]
const SCORES = Float32Array.from([3, -1, 2.5, 0, -2, 1])

describe('score maps on disk', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'densehybrid-scores-'))
    for (const folder of ['out/hybrid/city', 'out/entropy/city', 'gt/city', 'flat']) {
      await mkdir(join(root, folder), { recursive: true })
    }
  })
  afterEach(() => rm(root, { recursive: true }))

  const npy = (path: string, data: Float32Array | Float64Array | Uint8Array = SCORES, shape = SHAPE) =>
    writeFile(join(root, path), Buffer.from(dump(data, shape)))
  const label = (path: string, values: number[], shape = SHAPE) =>
    writeLabelMap(join(root, path), tensor(Uint8Array.from(values), shape))
  const open = (options: object = {}) =>
    openScores({ scores: join(root, 'out'), labels: join(root, 'gt'), ...options })
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error) => error,
    )

  it('are read as float32 from npy of any float type, also 1×H×W', async () => {
    await npy('a.npy')
    await npy('b.npy', Float64Array.from(SCORES), [1, 2, 3])
    for (const name of ['a.npy', 'b.npy']) {
      expect(await readScoreMap(join(root, name))).to.deep.equal({ data: SCORES, shape: SHAPE })
    }
  })

  it('are read from 16-bit PNG as they were written', async () => {
    const range = scoreRange('hybrid', 10)
    await writePng16(join(root, 'a.png'), tensor(SCORES, SHAPE), range)
    const { data, shape } = await readScoreMap(join(root, 'a.png'), { range })
    expect(shape).to.deep.equal(SHAPE)
    for (const [i, value] of data.entries()) expect(value).to.be.closeTo(SCORES[i], 0.00062)
  })

  it('are refused by name when they are something else', async () => {
    await npy('bytes.npy', new Uint8Array(6))
    await npy('line.npy', SCORES, [6])
    await writeFile(join(root, 'text.npy'), 'hello')
    await writeFile(join(root, 'text.png'), 'hello')
    for (const name of ['bytes.npy', 'line.npy', 'text.npy', 'text.png']) {
      const error = await failure(readScoreMap(join(root, name)))
      expect(error, name).to.have.property('code', 'INVALID_FILE')
      expect(error.message).to.include(name)
    }
  })

  it('are evaluated with masks, every score that is there', async () => {
    await npy('out/hybrid/city/one.npy')
    await npy(
      'out/entropy/city/one.npy',
      SCORES.map((score) => -score),
    )
    await label('gt/city/one.png', [1, 0, 1, 0, 0, 255])
    const { images, detectors } = await open()
    expect(detectors).to.deep.equal(['hybrid', 'entropy'])
    const evaluation = await evaluateImages(images, { detectors })
    expect(evaluation.detectors.map(({ ap }) => ap)).to.deep.equal([1, (1 / 4 + 2 / 5) / 2])
    expect(evaluation.detectors[0]).to.include({ positives: 2, negatives: 3, ignored: 1 })
    expect(evaluation).not.to.have.property('openSet')
  })

  it('are evaluated with class labels: K and 254 are anomalies', async () => {
    await npy('out/hybrid/city/one.npy')
    await label('gt/city/one.png', [2, 0, 254, 1, 0, 255])
    await rm(join(root, 'out/entropy'), { recursive: true })
    const { images, detectors } = await open({ classes: 2 })
    const evaluation = await evaluateImages(images, { detectors })
    expect(evaluation.detectors[0]).to.include({ ap: 1, positives: 2, negatives: 3 })
  })

  it('may lie in one folder, without the scores.json of a run', async () => {
    await npy('flat/one.npy')
    await label('gt/one.png', [1, 0, 0, 0, 0, 0])
    const { images, detectors } = await open({ scores: join(root, 'flat') })
    expect(detectors).to.deep.equal(['hybrid'])
    expect(images.length).to.equal(1)
  })

  it('are refused with the file that is missing, of another size, or of strange labels', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    expect(await failure(open())).to.have.property('code', 'EMPTY')
    await npy('out/hybrid/city/one.npy')
    expect((await failure(open())).message).to.include('gt/city/one.png does not exist')
    await label('gt/city/one.png', [0, 0, 0, 0, 0, 0], [3, 2])
    const { images } = await open()
    expect((await failure(evaluateImages(images, { detectors: ['hybrid'] }))).message).to.match(
      /gt\/city\/one\.png is 2×3 but its score map is 3×2\.$/,
    )
    await label('gt/city/one.png', [0, 0, 7, 0, 0, 0])
    const strange = await failure(evaluateImages((await open()).images, { detectors: ['hybrid'] }))
    expect(strange.message).to.match(/one\.png has the label 7, which means nothing here/)
    expect(await failure(open({ labels: join(root, 'nowhere') }))).to.have.property('code', 'NOT_FOUND')
  })
})
