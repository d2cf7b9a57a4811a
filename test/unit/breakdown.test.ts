import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import {
  type Breakdown,
  BreakdownMetrics,
  byClass,
  byColumn,
  byDistance,
  byObjectSize,
  byScene,
} from '../../lib/evaluation/breakdown.ts'
import { distanceFromDisparity, readCamera, readDisparity } from '../../lib/evaluation/distance.ts'
import { readImageTable } from '../../lib/evaluation/readers/image-table.ts'
import type { ScoredImage } from '../../lib/evaluation/scored-image.ts'

const U = 254
const I = 255

/** Two objects, of 1 and of 4 pixels, on classes 0 and 1. */
const image: ScoredImage = {
  id: 'north_day_01',
  size: [3, 5],
  labels: Uint8Array.from([U, 0, 0, U, U, 0, 0, 1, U, U, I, 1, 1, 1, 0]),
  scores: { hybrid: Float32Array.from([9, 1, 2, 8, 7, 3, 1, 4, 6, 5, 0, 0, 1, 2, 9]) },
}

async function targetsOf(breakdown: Breakdown) {
  const parts = [...(await breakdown.split(image))]
  return Object.fromEntries(parts.map(({ group, target }) => [group, [...target]]))
}

describe('breakdowns', () => {
  it('by class: inliers of the class against all anomalies', async () => {
    expect(await targetsOf(byClass(['road', 'car']))).to.deep.equal({
      road: [1, 0, 0, 1, 1, 0, 0, 2, 1, 1, 2, 2, 2, 2, 0],
      car: [1, 2, 2, 1, 1, 2, 2, 0, 1, 1, 2, 0, 0, 0, 2],
    })
  })

  it('by object size: objects of the size against all inliers', async () => {
    expect(await targetsOf(byObjectSize([0, 2, 10]))).to.deep.equal({
      '0–2 px': [1, 0, 0, 2, 2, 0, 0, 0, 2, 2, 2, 0, 0, 0, 0],
      '2–10 px': [2, 0, 0, 1, 1, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0],
      '10 px and more': [2, 0, 0, 2, 2, 0, 0, 0, 2, 2, 2, 0, 0, 0, 0],
    })
  })

  it('by scene and by column: the whole image in one group', async () => {
    const whole = [1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0]
    expect(await targetsOf(byScene())).to.deep.equal({ north: whole })
    expect(await targetsOf(byScene(/_(\w+)_/))).to.deep.equal({ day: whole })
    expect(
      await targetsOf(byColumn(new Map([['north_day_01', { weather: 'rain' }]]), 'weather')),
    ).to.deep.equal({
      rain: whole,
    })
    expect(() => byColumn(new Map(), 'weather').split(image)).to.throw('no row for image "north_day_01"')
    expect(() => byColumn(new Map([['north_day_01', {}]]), 'weather').split(image)).to.throw(
      'no column "weather"',
    )
    const global = byScene(/([a-z]+)/g)
    for (let i = 0; i < 3; i++) expect(Object.keys(await targetsOf(global))).to.deep.equal(['north'])
    expect(() => byScene(/^(south)/).split(image)).to.throw('has no scene')
  })

  it('by distance: pixels without a distance, and beyond the last edge, are in no group', async () => {
    const metres = Float32Array.from([5, 5, 15, 15, 25, 5, Number.NaN, 0, 19.9, 20, 5, 5, 5, 5, -1])
    expect(await targetsOf(byDistance(async () => metres, [0, 10, 20]))).to.deep.equal({
      '0–10 m': [1, 0, 2, 2, 2, 0, 2, 2, 2, 2, 2, 0, 0, 0, 2],
      '10–20 m': [2, 2, 0, 1, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2],
    })
    const short = byDistance(async () => new Float32Array(3)).split(image)
    expect(await Promise.resolve(short).catch((error) => error.message)).to.include(
      'the distances of north_day_01',
    )
    expect(() => byObjectSize([5, 1])).to.throw('ascending numbers')
  })

  it('measures every group, with the shares above the threshold of all images', async () => {
    const metrics = new BreakdownMetrics(byClass(['road', 'car']), { tpr: 0.95, convention: 'a' })
    metrics.add(image.scores.hybrid, await byClass(['road', 'car']).split(image), image.id)
    const [road, car] = metrics.rows(4)
    expect(road).to.include({ breakdown: 'class', group: 'road', positives: 5, negatives: 5, images: 1 })
    expect(road).to.include({ rejectedInliers: 1 / 5, foundAnomalies: 1 })
    expect(car).to.include({ ap: 1, auroc: 1, fpr: 0, rejectedInliers: 0, negatives: 4 })
    expect(metrics.rows(Number.NaN)[0].rejectedInliers).to.be.NaN
    const [empty] = new BreakdownMetrics(byObjectSize(), { tpr: 0.95, convention: 'a' }).rows(0)
    expect(empty.reason).to.equal('there is no valid pixel')
  })
})

describe('facts about images', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-facts-'))
  })
  after(() => rm(folder, { recursive: true }))
  const write = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  const failure = (promise: Promise<unknown>) =>
    promise.then(() => 'no error').catch((error) => error.message)

  it('distance follows from disparity and camera', async () => {
    const metres = distanceFromDisparity(Uint16Array.from([0, 256, 2560]), {
      baseline: 0.2,
      fx: 2000,
      fy: 3000,
    })
    expect([...metres]).to.deep.equal([Number.NaN, 500, 50])
    expect(() => distanceFromDisparity(new Uint16Array(1), { baseline: 0, fx: 1, fy: 1 })).to.throw(
      'camera.baseline',
    )
    const path = await write(
      'c.json',
      '{"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 2000, "fy": 3000, "u0": 5}}',
    )
    expect(await readCamera(path)).to.deep.equal({ baseline: 0.2, fx: 2000, fy: 3000 })
    expect(await failure(readCamera(await write('d.json', '{"extrinsic": {}}')))).to.include(
      'no positive number baseline',
    )
  })

  it('disparity maps are grey PNG of 16 bit', async () => {
    const values = Uint16Array.from([0, 300, 65_535, 7, 8, 9])
    const raw = { width: 3, height: 2, channels: 1 as const }
    const wide = sharp(values, { raw }).toColourspace('grey16').png()
    expect([...(await readDisparity(await write('d.png', await wide.toBuffer())))]).to.deep.equal([...values])
    const narrow = sharp(Buffer.from([1, 2, 3, 4, 5, 6]), { raw }).png()
    expect(await failure(readDisparity(await write('e.png', await narrow.toBuffer())))).to.include(
      'no disparity map',
    )
  })

  it('tables are CSV with a column image', async () => {
    const table = await readImageTable(await write('a.csv', '\ufeffimage,scene\na/b,"one, two"\n\nc,three\n'))
    expect([...table]).to.deep.equal([
      ['a/b', { image: 'a/b', scene: 'one, two' }],
      ['c', { image: 'c', scene: 'three' }],
    ])
    const wrong = async (text: string) => failure(readImageTable(await write('w.csv', text)))
    expect(await wrong('name,scene\na,b\n')).to.include('its columns are name, scene')
    expect(await wrong('image\na\na\n')).to.include('two rows of "a"')
    expect(await wrong('image,scene\na\n')).to.include('no table of images')
    expect(await wrong('image\n')).to.include('it has no rows')
    expect(await failure(readImageTable(join(folder, 'none.csv')))).to.include('does not exist')
  })
})
