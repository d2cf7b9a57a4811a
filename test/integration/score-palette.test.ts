import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { readImage, readLabelMap } from '../../lib/data/decode.ts'
import { writeImage } from '../../lib/data/encode.ts'
import { type Colour, UNKNOWN_COLOUR } from '../../lib/palette.ts'
import { type ScoreResult, Scorer } from '../../lib/scoring/scorer.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { tensor } from '../../lib/tensor.ts'
import { needAddon } from '../support/addon.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { noiseImages } from '../support/toy-data.ts'

const tiny = { architecture: 'ladder-densenet-tiny', classes: ['sky', 'road', 'car'] } as const
const PALETTE: readonly Colour[] = [
  [10, 20, 200],
  [200, 10, 20],
  [20, 200, 10],
]

describe('the palette of a model', function () {
  this.timeout(60_000)
  let folder: TempFolder
  let image: string
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    image = join(folder.path, 'noise.png')
    await writeImage(image, tensor(noiseImages([1, 64, 96, 3]).data, [64, 96, 3]))
  })
  after(() => folder?.remove())

  async function score(model: Segmenter, out: string, threshold: number): Promise<ScoreResult> {
    const options = { out: join(folder.path, out), formats: ['labels', 'overlay'], threshold } as const
    for await (const result of new Scorer(model, options).score([image])) return result
    throw new Error('no result')
  }

  it('is given to create, kept by checkpoints, and else decided by the names', async () => {
    const model = await Segmenter.create({ ...tiny, palette: PALETTE })
    expect(model.palette).to.deep.equal(PALETTE)
    const path = join(folder.path, 'model.safetensors')
    await model.save(path)
    const loaded = await Segmenter.load(path)
    expect(loaded.palette).to.deep.equal(PALETTE)
    const [plain, same] = [await Segmenter.create(tiny), await Segmenter.create(tiny)]
    expect(new Set(plain.palette.map(String)).size).to.equal(3)
    expect(same.palette).to.deep.equal(plain.palette)
    for (const one of [model, loaded, plain, same]) one.dispose()
  })

  it('is refused where it does not fit the classes', async () => {
    const few = Segmenter.create({ ...tiny, palette: PALETTE.slice(1) })
    expect((await rejection(few, 'INVALID_ARGUMENT')).message).to.include('palette.length')
    const wrong = Segmenter.create({ ...tiny, palette: [...PALETTE.slice(1), [0, 0, 256]] })
    expect((await rejection(wrong, 'INVALID_ARGUMENT')).message).to.include('palette[2]')
  })

  it('colours label maps, whose values stay the labels, and overlays', async () => {
    const model = await Segmenter.create({ ...tiny, palette: PALETTE })
    const { labels: closed } = await model.segment(await readImage(image))
    const middle = await model.segment(await readImage(image), { scores: ['hybrid'] })
    const threshold = middle.scores.hybrid.data.slice().sort()[48 * 64]
    const { labels } = await model.segment(await readImage(image), { threshold })
    expect(new Set(labels.data).has(3)).to.equal(true)
    expect(new Set(labels.data).size).to.be.above(1)
    const { outputs } = await score(model, 'coloured', threshold)
    expect([...(await readLabelMap(outputs.labels)).data]).to.deep.equal([...labels.data])
    const shown = await sharp(await readFile(outputs.labels))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect(shown.info.channels).to.equal(3)
    const colours = [...PALETTE, UNKNOWN_COLOUR]
    expect([...shown.data]).to.deep.equal([...labels.data].flatMap((label) => [...colours[label]]))

    const other = await Segmenter.create(tiny)
    expect([...(await other.segment(await readImage(image))).labels.data]).to.deep.equal([...closed.data])
    const plain = (await score(other, 'plain', threshold)).outputs
    expect((await readImage(plain.overlay)).data).not.to.deep.equal((await readImage(outputs.overlay)).data)
    for (const one of [model, other]) one.dispose()
  })

  it('is part of what a scored folder depends on', async () => {
    const [model, other] = [
      await Segmenter.create(tiny),
      await Segmenter.create({ ...tiny, palette: PALETTE }),
    ]
    const resumed = async (segmenter: Segmenter) => (await score(segmenter, 'resumed', 0)).resumed
    expect(await resumed(model)).to.equal(undefined)
    expect(await resumed(model)).to.equal(true)
    expect(await resumed(other)).to.equal(undefined)
    for (const one of [model, other]) one.dispose()
  })
})
