import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { writeLabelMap } from '../../lib/data/encode.ts'
import { evaluateImages } from '../../lib/evaluation/evaluate-images.ts'
import { openScores } from '../../lib/evaluation/evaluate-scores.ts'
import {
  type FishyscapesImage,
  readFishyscapesSubmission,
  writeFishyscapesSubmission,
} from '../../lib/evaluation/submission/fishyscapes.ts'
import { readSmiycSubmission, writeSmiycSubmission } from '../../lib/evaluation/submission/smiyc.ts'
import { writeHdf5 } from '../../lib/scoring/writers/hdf5.ts'
import { writeNpy } from '../../lib/scoring/writers/npy.ts'
import { tensor } from '../../lib/tensor.ts'
import { bytesOf, npyFile } from '../support/score-files.ts'

const SHAPE = [2, 3]
/** Values that float16 holds exactly. */
const SCORES = Float32Array.from([3, -1, 2.5, 0, -2, 1])
const map = (data: Float32Array = SCORES) => tensor(data, SHAPE)
const closed = (values: number[]) => tensor(Uint8Array.from(values), SHAPE)

describe('submissions', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'densehybrid-submission-'))
    for (const folder of ['gt', 'in/city']) await mkdir(join(root, folder), { recursive: true })
  })
  afterEach(() => rm(root, { recursive: true }))

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error) => error,
    )
  async function all<T>(images: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = []
    for await (const image of images) found.push(image)
    return found
  }

  describe('to SegmentMeIfYouCan', () => {
    const write = (options: object = {}) =>
      writeSmiycSubmission({
        scores: [{ id: 'frame0', scores: map() }],
        out: join(root, 'out'),
        method: 'Ours',
        dataset: 'ObstacleTrack-all',
        ...options,
      })

    it('come back as they were written', async () => {
      const images = ['frame1', 'frame0'].map((id, i) => ({ id, scores: map(SCORES.map((s) => s + i)) }))
      const { folder, ...counts } = await write({ scores: images })
      expect(folder).to.equal(join(root, 'out/anomaly_p/Ours/ObstacleTrack-all'))
      expect(counts).to.deep.equal({ images: 2, clamped: 0 })
      expect((await readdir(folder)).sort()).to.deep.equal(['frame0.hdf5', 'frame1.hdf5'])
      const { method, dataset, ids, read } = await readSmiycSubmission(folder)
      expect([method, dataset, ids]).to.deep.equal(['Ours', 'ObstacleTrack-all', ['frame0', 'frame1']])
      expect(await all(read())).to.deep.equal([images[1], images[0]])
    })

    it('are made of a folder of score maps, and evaluated by openScores', async () => {
      await writeNpy(join(root, 'in/city/frame0.npy'), map())
      const { folder } = await write({ scores: join(root, 'in') })
      await writeLabelMap(join(root, 'gt/frame0_labels_semantic.png'), closed([1, 0, 1, 0, 0, 255]))
      await writeLabelMap(join(root, 'gt/frame0_labels_semantic_color.png'), closed([9, 9, 9, 9, 9, 9]))
      const { images, detectors } = await openScores({
        scores: folder,
        labels: join(root, 'gt'),
        mapping: 'smiyc',
      })
      const [result] = (await evaluateImages(images, { detectors })).detectors
      expect(result).to.include({ ap: 1, positives: 2, negatives: 3, ignored: 1 })
    })

    it('cut off what float16 cannot hold, and count it', async () => {
      const scores = map(Float32Array.from([1e6, -Infinity, 0, 0, 0, 0]))
      const { folder, clamped } = await write({ scores: [{ id: 'a', scores }] })
      expect(clamped).to.equal(2)
      const [read] = await all((await readSmiycSubmission(folder)).read())
      expect([...read.scores.data]).to.deep.equal([65_504, -65_504, 0, 0, 0, 0])
    })

    it('are refused with the option, image or file that is wrong', async () => {
      const twice = [
        { id: 'a/one', scores: map() },
        { id: 'b/one', scores: map() },
      ]
      const nan = [{ id: 'one', scores: map(SCORES.map(() => Number.NaN)) }]
      for (const [options, code, message] of [
        [{ method: '../up' }, 'INVALID_ARGUMENT', /method/],
        [{ dataset: '' }, 'INVALID_ARGUMENT', /dataset/],
        [{ out: '' }, 'INVALID_ARGUMENT', /out/],
        [{ scores: 3 }, 'INVALID_ARGUMENT', /scores/],
        [{ scores: [null] }, 'INVALID_ARGUMENT', /id/],
        [
          { scores: [{ id: 'one', scores: { data: SCORES, shape: [6] } }] },
          'INVALID_ARGUMENT',
          /scores of one/,
        ],
        [{ scores: twice }, 'INVALID_ARGUMENT', /b\/one/],
        [{ scores: nan }, 'NON_FINITE', /row 0, column 0.*one\.hdf5 is NaN/],
        [{ scores: [] }, 'EMPTY', /no score maps/],
        [{ scores: join(root, 'nowhere') }, 'NOT_FOUND', /nowhere/],
        [{ methd: 'x' }, 'INVALID_ARGUMENT', /methd/],
      ] as const) {
        const error = await failure(write(options))
        expect(error, JSON.stringify(options)).to.have.property('code', code)
        expect(error.message).to.match(message)
      }
      expect(await failure(readSmiycSubmission(join(root, 'gt')))).to.have.property('code', 'EMPTY')
    })
  })

  describe('to Fishyscapes', () => {
    const image = (id: string, classes = [0, 1, 2, 0, 1, 19]): FishyscapesImage => ({
      id,
      scores: map(),
      closed: closed(classes),
    })
    const write = (images: unknown) =>
      writeFishyscapesSubmission({ images: images as FishyscapesImage[], out: join(root, 'out') })

    it('come back as they were written, in the order of the numbers', async () => {
      expect(await write([image('0010_b'), image('9_a'), image('100')])).to.equal(3)
      const { ids, read } = await readFishyscapesSubmission(join(root, 'out'))
      expect(ids).to.deep.equal(['9_a', '0010_b', '100'])
      expect(await all(read())).to.deep.equal([image('9_a'), image('0010_b'), image('100')])
    })

    it('are evaluated by openScores, with mIoU', async () => {
      await write([image('0001_x', [0, 1, 2, 0, 1, 2])])
      await writeLabelMap(join(root, 'gt/0001_x_labels.png'), closed([3, 1, 3, 0, 1, 255]))
      const { images, detectors } = await openScores({
        scores: join(root, 'out'),
        predictions: join(root, 'out'),
        labels: join(root, 'gt'),
        classes: 3,
      })
      const evaluation = await evaluateImages(images, { detectors, threshold: 2 })
      expect(evaluation.classes).to.deep.equal(['class 0', 'class 1', 'class 2'])
      expect(evaluation.detectors[0]).to.include({ ap: 1, positives: 2, negatives: 3 })
      expect(evaluation.closedMIoU).to.equal(1)
      expect(evaluation.openSet).to.include({ threshold: 2, thresholdFrom: 'given', openMIoU: 1 })
    })

    it('are refused with the image that is wrong', async () => {
      const other = { ...image('2'), closed: tensor(new Uint8Array(6), [3, 2]) }
      const infinite = { ...image('3'), scores: map(SCORES.map(() => Infinity)) }
      for (const [images, code, message] of [
        [[image('x1')], 'INVALID_ARGUMENT', /a number/],
        [[image('1_a'), image('01_b')], 'INVALID_ARGUMENT', /01_b/],
        [[other], 'INVALID_ARGUMENT', /closed\.shape of 2/],
        [[image('4', [0, 0, 0, 0, 0, 20])], 'INVALID_ARGUMENT', /closed of 4/],
        [[infinite], 'NON_FINITE', /score of 3/],
        [[{ id: '5' }], 'INVALID_ARGUMENT', /scores of 5/],
        [[null], 'INVALID_ARGUMENT', /id/],
        [[], 'EMPTY', /no image/],
        [7, 'INVALID_ARGUMENT', /images/],
      ] as const) {
        const error = await failure(write(images))
        expect(error, String(message)).to.have.property('code', code)
        expect(error.message).to.match(message)
      }
    })

    it('on disk are refused with the file that is wrong', async () => {
      const out = join(root, 'out')
      expect(await failure(readFishyscapesSubmission(join(root, 'gt')))).to.have.property('code', 'EMPTY')
      await write([image('1_a')])
      await writeNpy(join(out, '2_b_anomaly.npy'), map())
      expect((await failure(readFishyscapesSubmission(out))).message).to.match(
        /2_b_segmentation\.npy does not/,
      )
      await writeFile(
        join(out, '2_b_segmentation.npy'),
        npyFile('<i4', SHAPE, bytesOf(Int32Array.from([0, 0, 0, 0, 0, 20]))),
      )
      const { read } = await readFishyscapesSubmission(out)
      expect((await failure(all(read()))).message).to.match(/2_b_segmentation\.npy holds the class 20/)
    })
  })

  it('refuse an HDF5 map without pixels', async () => {
    const empty = tensor(new Float32Array(0), [0, 3])
    expect(await failure(writeHdf5(join(root, 'a.hdf5'), empty))).to.have.property('code', 'INVALID_ARGUMENT')
  })
})
