import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { readScoreMap } from '../../lib/evaluation/readers/score-map.ts'
import { resizeBilinear } from '../../lib/evaluation/resize-maps.ts'
import { narrowToHalf, widenHalf } from '../../lib/float16.ts'

const folder = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'golden', 'metrics')

describe('score files of the reference data', () => {
  before(function () {
    if (existsSync(folder)) return
    console.log(`      skipped: ${folder} is missing; set DENSEHYBRID_SHARED to the folder of reference data`)
    this.skip()
  })

  it('are the same in HDF5 and .npy', async () => {
    for (const name of ['comp_obstacle_small', 'comp_merge_two_gt_one_pred']) {
      const submission = join(folder, name, 'hdf5_submission')
      const frames = readdirSync(submission)
      expect(frames).not.to.be.empty
      for (const frame of frames) {
        const stored = await readScoreMap(join(submission, frame))
        const number = /\d+/.exec(frame)![0]
        const array = await readScoreMap(join(folder, name, `img${number}_score.npy`))
        expect(stored.shape).to.deep.equal(array.shape)
        expect(Buffer.from(stored.data.buffer).equals(Buffer.from(array.data.buffer)), frame).to.equal(true)
      }
    }
  })

  it('are resized as OpenCV does', async () => {
    for (const image of ['img00', 'img01', 'img02']) {
      const { data, shape } = await readScoreMap(join(folder, 'resize', `${image}_score.npy`))
      const file = join(folder, 'resize', `${image}_expected_cv2_linear_from_f16.npy`)
      const expected = await readScoreMap(file)
      const [from, to] = [shape, expected.shape] as unknown as [number, number][]
      // The benchmark resizes what the submission holds.
      const half = widenHalf((await narrowToHalf(data)).bits)
      const resized = resizeBilinear(half, from, to)
      for (const [i, value] of resized.entries()) expect(value).to.be.closeTo(expected.data[i], 1e-5)
    }
  })
})
