import { expect } from 'chai'
import { checkDataset } from '../../lib/data/check.ts'
import { folder } from '../../lib/data/datasets/folder.ts'
import { colourPng, greyPng, rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { memoryDataset, rowSample } from '../support/memory-dataset.ts'

describe('checkDataset', () => {
  it('counts pixels and images by class, and sizes', async () => {
    const dataset = memoryDataset(
      ['road', 'car'],
      [rowSample('a', [0, 0, 1, 254]), rowSample('b', [0, 255]), rowSample('c', [1, 1, 0, 0])],
    )
    expect(await checkDataset(dataset)).to.deep.equal({
      name: 'memory',
      length: 3,
      classes: ['road', 'car'],
      labelHistogram: { road: 5, car: 3, unknown: 1, ignore: 1 },
      imageHistogram: { road: 3, car: 2, unknown: 1, ignore: 1 },
      sizes: { min: { width: 2, height: 1 }, max: { width: 4, height: 1 }, distinct: 2 },
      unlistedLabels: {},
      duplicateStems: { count: 0 },
      withoutUnknown: 2,
      unreadable: 0,
      warnings: [],
    })
  })

  it('compares with the number that the publishers state', async () => {
    const dataset = memoryDataset(['road'], [rowSample('a', [0]), rowSample('b', [0])])
    const warnings = async (officialLength: number) =>
      (await checkDataset({ ...dataset, officialLength })).warnings
    expect(await warnings(2)).to.deep.equal([])
    expect((await warnings(3))[0]).to.match(/^2 images, but its publishers state 3: .*in part/)
    expect((await warnings(1))[0]).to.include('other files')
    expect((await checkDataset({ ...dataset, officialLength: 3 })).officialLength).to.equal(3)
  })

  it('counts what cannot be read and reports the first by index, though it is found last', async () => {
    const dataset = memoryDataset(
      ['road'],
      [
        rowSample('a', [0]),
        new Error('first is damaged'),
        new Error('second is damaged'),
        rowSample('b', [0]),
      ],
    )
    const item = dataset.item
    dataset.item = async (index) => {
      if (index === 1) await new Promise((resolve) => setTimeout(resolve, 20))
      return item(index)
    }
    const report = await checkDataset(dataset)
    expect(report.unreadable).to.equal(2)
    expect(report.firstUnreadable).to.deep.equal({
      index: 1,
      files: { image: 'image-1', labels: 'labels-1' },
      message: 'first is damaged',
    })
    expect(report.labelHistogram.road).to.equal(2)
  })

  it('counts a sample of a wrong shape as unreadable', async () => {
    const good = rowSample('a', [0, 0])
    const dataset = memoryDataset(['road'], [{ ...good, labels: rowSample('b', [0, 0, 0]).labels }])
    const report = await checkDataset(dataset)
    expect(report.unreadable).to.equal(1)
    expect(report.firstUnreadable!.message).to.include('labels')
    expect(report).not.to.have.property('sizes')
  })

  it('warns of classes never seen, images without labels, equal ids and labels that are no class', async () => {
    const dataset = memoryDataset(
      ['road', 'car', 'tram'],
      [rowSample('a', [0, 0]), rowSample('b', [255, 255]), rowSample('a', [0, 7]), rowSample('c', [255])],
    )
    expect((await checkDataset(dataset)).warnings).to.deep.equal([
      '2 of 4 images have no labelled pixel; the first is b.',
      'No pixel of car and tram.',
      '1 pixels have the label 7, which is no class.',
      'Items 0, 2 have the same id a.',
    ])
  })

  it('says it once when nothing is labelled at all, or there is nothing', async () => {
    const unlabelled = memoryDataset(['road'], [rowSample('a', [255])])
    expect((await checkDataset(unlabelled)).warnings).to.deep.equal(['No image has a labelled pixel.'])
    expect((await checkDataset(memoryDataset([], []))).warnings).to.deep.equal(['The data set is empty.'])
  })

  it('calls the inliers of anomaly masks by name, and misses anomalies', async () => {
    const report = await checkDataset(memoryDataset([], [rowSample('a', [0, 0, 254])]))
    expect(report.labelHistogram).to.deep.equal({ inlier: 2, unknown: 1, ignore: 0 })
    expect(report.warnings).to.deep.equal([])
    const without = await checkDataset(memoryDataset([], [rowSample('a', [0, 0])]))
    expect(without.warnings).to.deep.equal(['No pixel is an anomaly.'])
  })

  it('reports progress up to the end', async () => {
    const dataset = memoryDataset(
      ['a'],
      Array.from({ length: 9 }, (_, i) => rowSample(`${i}`, [0])),
    )
    const seen: number[] = []
    await checkDataset(dataset, { onProgress: ({ done, total }) => seen.push(done + total * 100) })
    expect(seen).to.deep.equal(Array.from({ length: 9 }, (_, i) => i + 1 + 900))
  })

  it('stops at the signal and reads no further', async () => {
    const dataset = memoryDataset(
      ['a'],
      Array.from({ length: 100 }, (_, i) => rowSample(`${i}`, [0])),
    )
    const controller = new AbortController()
    const onProgress = ({ done }: { done: number }) => {
      if (done === 5) controller.abort()
    }
    await rejection(checkDataset(dataset, { signal: controller.signal, onProgress }), 'ABORTED')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(dataset.reads.length).to.be.below(15)
    await rejection(checkDataset(dataset, { signal: AbortSignal.abort() }), 'ABORTED')
  })

  describe('on files', () => {
    let root: TempFolder
    before(async () => {
      root = await tempFolder()
    })
    after(() => root.remove())

    it('counts label values outside the table, and file names that occur twice', async () => {
      const own = await tempFolder()
      for (const [name, value] of [
        ['a/1', 0],
        ['b/1', 7],
        ['b/2', 7],
        ['b/3', 9],
      ] as const) {
        await own.write(`images/${name}.png`, await colourPng(2, 1))
        await own.write(`labels/${name}.png`, await greyPng(2, 1, [0, value]))
      }
      const report = await checkDataset(await folder({ root: own.path, labels: 'labels', mapping: ['road'] }))
      await own.remove()
      expect(report.unlistedLabels).to.deep.equal({ 7: 2, 9: 1 })
      expect(report.duplicateStems.count).to.equal(1)
      expect(report.duplicateStems.example?.images.map((path) => path.slice(-7))).to.deep.equal([
        'a/1.png',
        'b/1.png',
      ])
    })

    it('names the damaged file among good ones', async () => {
      for (const name of ['a', 'b', 'c']) {
        await root.write(`images/${name}.png`, await colourPng(4, 4))
        await root.write(`labels/${name}.png`, await greyPng(4, 4, new Array(16).fill(0)))
      }
      const damaged = await root.write('images/b.png', (await colourPng(4, 4)).subarray(0, 40))
      const report = await checkDataset(
        await folder({ root: root.path, labels: 'labels', mapping: ['road'] }),
      )
      expect(report.unreadable).to.equal(1)
      expect(report.firstUnreadable!.index).to.equal(1)
      expect(report.firstUnreadable!.files!.image).to.equal(damaged)
      expect(report.firstUnreadable!.message).to.include(damaged)
      expect(report.labelHistogram.road).to.equal(32)
    })
  })
})
