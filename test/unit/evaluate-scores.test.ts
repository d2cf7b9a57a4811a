import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dump } from 'npyjs'
import { writeLabelMap } from '../../lib/data/encode.ts'
import { evaluateImages } from '../../lib/evaluation/evaluate-images.ts'
import { openScores } from '../../lib/evaluation/evaluate-scores.ts'
import { readScoreMap } from '../../lib/evaluation/readers/score-map.ts'
import { writeHdf5 } from '../../lib/scoring/writers/hdf5.ts'
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

  it('pair with label maps by the endings that benchmarks use', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    for (const [score, labels, extras] of [
      ['one', 'one_labels_semantic', ['one_labels_semantic_color']],
      ['one_leftImg8bit', 'one_gtFine_labelIds', ['one_gtFine_color', 'one_gtFine_instanceIds']],
      ['one_rgb', 'one_labels', []],
      ['one', 'one_ood_segmentation', []],
    ] as const) {
      await npy(`out/hybrid/city/${score}.npy`)
      await label(`gt/city/${labels}.png`, [1, 0, 1, 0, 0, 255])
      for (const extra of extras) await label(`gt/city/${extra}.png`, [9, 9, 9, 9, 9, 9])
      const { images, detectors } = await open()
      expect(images.length, labels).to.equal(1)
      for await (const { id } of images.read(detectors)) expect(id).to.equal('city/one')
      for (const folder of ['out/hybrid/city', 'gt/city']) {
        await rm(join(root, folder), { recursive: true })
        await mkdir(join(root, folder), { recursive: true })
      }
    }
  })

  it('are not passed over where their names have another ending than the rest', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    for (const name of ['one_rgb', 'two_rgb', 'three']) await npy(`out/hybrid/city/${name}.npy`)
    for (const name of ['one', 'two']) await label(`gt/city/${name}_labels.png`, [0, 1, 0, 0, 0, 0])
    expect((await failure(open())).message).to.match(/gt\/city\/three_labels\.png does not exist/)
    await npy('out/hybrid/city/one.npy')
    expect((await failure(open())).message).to.match(
      /one_rgb\.npy and .*one\.npy are score maps of one image/,
    )
  })

  it('are refused with all counterparts that are missing, on both sides, unless partial', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    for (let i = 0; i < 8; i++) await npy(`out/hybrid/city/${i}.npy`)
    await label('gt/city/0.png', [0, 1, 0, 0, 0, 0])
    const noLabels = await failure(open())
    expect(noLabels).to.have.property('code', 'NOT_FOUND')
    expect(noLabels.message).to.match(
      /^7 of 8 images have no label map: .*city\/1\.png, .*city\/5\.png and 2 more/,
    )
    const { images } = await open({ partial: true })
    expect(images.length).to.equal(1)
    for (let i = 1; i < 8; i++) await rm(join(root, `out/hybrid/city/${i}.npy`))
    for (const i of [1, 2]) await label(`gt/city/${i}.png`, [0, 1, 0, 0, 0, 0])
    expect((await failure(open())).message).to.match(
      /^2 of 3 images have no hybrid score map: .*hybrid\/city\/1\.npy, .*2\.npy do not exist/,
    )
    expect((await open({ partial: true })).images.length).to.equal(1)
    await rm(join(root, 'gt/city/0.png'))
    expect(await failure(open({ partial: true }))).to.have.property('code', 'EMPTY')
  })

  it('are told of a score that lacks an image', async () => {
    for (const i of [1, 2]) await label(`gt/city/${i}.png`, [0, 1, 0, 0, 0, 0])
    for (const path of ['hybrid/city/1', 'hybrid/city/2', 'entropy/city/1']) await npy(`out/${path}.npy`)
    expect((await failure(open())).message).to.match(/entropy\/city\/2\.npy does not exist/)
    expect((await open({ partial: true })).images.length).to.equal(1)
  })

  it('mean what a mapping says', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    await npy('out/hybrid/city/one.npy')
    await label('gt/city/one.png', [9, 1, 200, 1, 1, 0])
    const { images, detectors } = await open({ mapping: 'lost-and-found' })
    const evaluation = await evaluateImages(images, { detectors })
    expect(evaluation.detectors[0]).to.include({ ap: 1, positives: 2, negatives: 3, ignored: 1 })
    const strange = await failure(evaluateImages((await open({ mapping: 'smiyc' })).images, { detectors }))
    expect(strange.message).to.match(/one\.png has the label 9, .* in 1 of 6 pixels \(also 200 in 1\)/)
  })

  it('give mIoU and open-mIoU with closed-set predictions', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    await npy('out/hybrid/city/one.npy')
    await label('gt/city/one.png', [2, 0, 254, 1, 0, 255])
    await mkdir(join(root, 'closed/city'), { recursive: true })
    await label('closed/city/one.png', [1, 0, 0, 1, 1, 0])
    const predictions = join(root, 'closed')
    const { images, detectors } = await open({ predictions, classes: 2, classNames: ['road', 'car'] })
    expect(images.classes).to.deep.equal(['road', 'car'])
    const evaluation = await evaluateImages(images, { detectors, threshold: 2 })
    // road: 1 of 2, car: 1 of 2.
    expect(evaluation.closedMIoU).to.equal(0.5)
    expect(evaluation.openSet?.openMIoU).to.equal(0.5)
    expect((await open({ classes: 2 })).images.classes).to.deep.equal([])

    await label('closed/city/one.png', [2, 2, 0, 1, 1, 0])
    const reread = await open({ predictions, classes: 2 })
    const error = await failure(evaluateImages(reread.images, { detectors }))
    expect(error.message).to.match(/closed\/city\/one\.png is no closed-set prediction of 2 classes: 2 of 6/)
    expect(error.hint).to.include('--threshold none')
    await label('closed/city/one.png', [0, 0, 0, 0, 0, 0], [3, 2])
    expect((await failure(evaluateImages(reread.images, { detectors }))).message).to.match(
      /its prediction is 2×3/,
    )
    await rm(join(root, 'closed/city/one.png'))
    expect((await failure(open({ predictions, classes: 2 }))).message).to.include(
      'closed/city/one.png does not',
    )
  })

  it('are resized to their labels when that is asked for', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    await npy('out/hybrid/city/one.npy', Float32Array.from([0, 4]), [1, 2])
    await label('gt/city/one.png', [0, 0, 1, 1, 0, 0, 1, 1], [2, 4])
    const small = await open()
    const error = await failure(evaluateImages(small.images, { detectors: ['hybrid'] }))
    expect(error.message).to.match(/one\.png is 4×2 but its score map is 2×1\.$/)
    expect(error.hint).to.include('--resize-scores')
    const { images } = await open({ resizeScores: 'bilinear' })
    for await (const { scores } of images.read(['hybrid'])) {
      expect([...scores.hybrid]).to.deep.equal([0, 1, 3, 4, 0, 1, 3, 4])
    }
  })

  it('may mix float types, but not grey maps with others or of two depths', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    await npy('out/hybrid/city/one.npy')
    await writeHdf5(join(root, 'out/hybrid/city/two.hdf5'), tensor(SCORES, SHAPE))
    for (const name of ['one', 'two']) await label(`gt/city/${name}.png`, [1, 0, 1, 0, 0, 0])
    const { images, detectors } = await open()
    expect((await evaluateImages(images, { detectors })).detectors[0]).to.include({ ap: 1, positives: 4 })
    await rm(join(root, 'out/hybrid/city/two.hdf5'))
    await writePng16(join(root, 'out/hybrid/city/two.png'), tensor(SCORES, SHAPE), { min: -9, max: 9 })
    expect((await failure(open())).message).to.match(/mixes grey and floating-point.*one\.npy and .*two\.png/)
    await rm(join(root, 'out/hybrid/city/one.npy'))
    await label('out/hybrid/city/one.png', [1, 0, 2, 0, 0, 0])
    const depths = await open()
    expect((await failure(evaluateImages(depths.images, { detectors }))).message).to.match(
      /one\.png is a PNG of 8 bit but .*two\.png is one of 16 bit/,
    )
  })

  it('name the option that is wrong', async () => {
    const predictions = join(root, 'gt')
    for (const [options, message] of [
      [{ resizeScores: 'nearest' }, /resizeScores/],
      [{ partial: 1 }, /partial/],
      [{ predictions: '' }, /predictions/],
      [{ predictions }, /predictions/],
      [{ predictions, classes: 3, mapping: 'smiyc' }, /predictions/],
      [{ mapping: 'streethazards-classes', classes: 3 }, /classes/],
      [{ mapping: 'smiyc', ignore: 4 }, /ignore/],
      [{ mapping: 7 }, /mapping/],
      [{ classes: 2, classNames: ['a'] }, /classNames/],
      [{ classNames: 'a' }, /classNames/],
      [{ clases: 2 }, /clases/],
    ] as const) {
      const error = await failure(open(options))
      expect(error, String(message)).to.have.property('code', 'INVALID_ARGUMENT')
      expect(error.message).to.match(message)
    }
  })

  it('keep their range where the folder of one score is given', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    await writePng16(join(root, 'out/hybrid/city/one.png'), tensor(SCORES, SHAPE), { min: -9, max: 9 })
    await label('gt/city/one.png', [1, 0, 1, 0, 0, 0])
    await writeFile(join(root, 'out/scores.json'), '{"ranges": {"hybrid": {"min": -9, "max": 9}}}')
    const scoresOf = async (folder: string) => {
      const { images } = await open({ scores: join(root, folder) })
      for await (const { scores } of images.read(['hybrid'])) return scores.hybrid
      return undefined
    }
    expect(await scoresOf('out/hybrid')).to.deep.equal(await scoresOf('out'))
    expect((await scoresOf('out/hybrid'))![0]).to.be.closeTo(SCORES[0], 1e-3)
  })

  it('are refused where scores.json gives no range', async () => {
    await rm(join(root, 'out/entropy'), { recursive: true })
    await writePng16(join(root, 'out/hybrid/city/one.png'), tensor(SCORES, SHAPE), { min: -9, max: 9 })
    await label('gt/city/one.png', [1, 0, 1, 0, 0, 0])
    await writeFile(join(root, 'out/scores.json'), '{"ranges": {"hybrid": {"min": 3}}}')
    expect((await failure(open())).message).to.match(/scores\.json gives no range for hybrid/)
  })
})
