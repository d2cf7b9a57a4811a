import { expect } from 'chai'
import fc from 'fast-check'
import { cached, concat, firstItems, resized, subset } from '../../lib/data/subset.ts'
import { tensor } from '../../lib/tensor.ts'
import { rejection, thrown } from '../support/image-files.ts'
import { memoryDataset, rowSample } from '../support/memory-dataset.ts'

const rows = (count: number) =>
  memoryDataset(
    ['a', 'b'],
    Array.from({ length: count }, (_, i) => rowSample(`s${i}`, [i % 2, 1])),
  )

describe('subset', () => {
  it('takes items in the given order, with their files', async () => {
    const part = subset(rows(5), [3, 0, 3])
    expect(part.length).to.equal(3)
    expect(part.classes).to.deep.equal(['a', 'b'])
    expect(await Promise.all([0, 1, 2].map(async (i) => (await part.item(i)).id))).to.deep.equal([
      's3',
      's0',
      's3',
    ])
    expect(part.files!(0).image).to.equal('image-3')
  })

  it('does not follow later changes of the list', async () => {
    const indices = [1, 2]
    const part = subset(rows(5), indices)
    indices[0] = 4
    expect((await part.item(0)).id).to.equal('s1')
  })

  it('refuses indices outside', async () => {
    expect(thrown(() => subset(rows(2), [0, 2]), 'INVALID_ARGUMENT').message).to.include('indices[1]')
    await rejection(subset(rows(2), [0]).item(1), 'INVALID_ARGUMENT')
  })

  it('firstItems takes at most what there is', () => {
    expect(firstItems(rows(5), 2).length).to.equal(2)
    expect(firstItems(rows(5), 9).length).to.equal(5)
  })
})

describe('concat', () => {
  it('joins data sets and keeps ids apart', async () => {
    const joined = concat([rows(2), rows(0), rows(3)])
    expect(joined.length).to.equal(5)
    const ids = await Promise.all([0, 1, 2, 4].map(async (i) => (await joined.item(i)).id))
    expect(ids).to.deep.equal(['0/s0', '0/s1', '2/s0', '2/s2'])
    expect(joined.files!(3).image).to.equal('image-1')
    await rejection(joined.item(5), 'INVALID_ARGUMENT')
  })

  it('refuses other classes by name, and nothing at all', () => {
    const other = memoryDataset(['b', 'a'], [])
    expect(thrown(() => concat([rows(1), other]), 'INVALID_ARGUMENT').message).to.include(
      'datasets[1].classes',
    )
    thrown(() => concat([]), 'INVALID_ARGUMENT')
  })
})

describe('resized', () => {
  it('takes labels and instances at the nearest pixel centre', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), async (from, to) => {
        const values = Array.from({ length: from }, (_, i) => i)
        const source = memoryDataset([], [rowSample('x', values, values)])
        const sample = await resized(source, { width: to, height: 2 }).item(0)
        const expected = Array.from({ length: to }, (_, j) => {
          // The source pixel whose centre i + ½ is nearest to (j + ½)·from/to; at a tie the right one.
          const centre = ((2 * j + 1) * from) / (2 * to)
          const distance = (i: number) => Math.abs(i + 0.5 - centre)
          return values.reduce((best, i) => (distance(i) <= distance(best) + 1e-9 ? i : best))
        })
        expect(sample.labels.shape).to.deep.equal([2, to])
        expect([...sample.labels.data]).to.deep.equal([...expected, ...expected])
        expect([...sample.instances!.data]).to.deep.equal([...expected, ...expected])
        expect(sample.image.shape).to.deep.equal([2, to, 3])
      }),
      { numRuns: 40 },
    )
  })

  it('averages images that shrink and keeps flat ones flat', async () => {
    const image = tensor(Uint8Array.from([0, 0, 0, 100, 100, 100, 0, 0, 0, 100, 100, 100]), [1, 4, 3])
    const sample = { id: 'x', image, labels: tensor(new Uint8Array(4), [1, 4]) }
    const half = await resized(memoryDataset([], [sample]), { width: 2, height: 1 }).item(0)
    for (const value of half.image.data) expect(value).to.be.within(25, 75)
    const flat = { ...sample, image: tensor(new Uint8Array(12).fill(77), [1, 4, 3]) }
    const wide = await resized(memoryDataset([], [flat]), { width: 9, height: 5 }).item(0)
    expect(new Set(wide.image.data)).to.deep.equal(new Set([77]))
  })

  it('refuses sizes that are none', () => {
    thrown(() => resized(rows(1), { width: 0, height: 4 }), 'INVALID_ARGUMENT')
    thrown(() => resized(rows(1), { width: 4 } as never), 'INVALID_ARGUMENT')
    thrown(() => resized(rows(1), { width: 4, height: 4, fit: 'cover' } as never), 'INVALID_ARGUMENT')
  })
})

describe('cached', () => {
  /** Bytes of one of `rows`' samples: 2 pixels of image and label. */
  const BYTES = 2 * 3 + 2

  it('reads an item once while it fits', async () => {
    const source = rows(3)
    const dataset = cached(source, 3 * BYTES)
    for (const index of [0, 1, 2, 0, 1, 2]) expect((await dataset.item(index)).id).to.equal(`s${index}`)
    expect(source.reads).to.deep.equal([0, 1, 2])
    expect(dataset.files!(2).image).to.equal('image-2')
  })

  it('drops the least recently used item when full', async () => {
    const source = rows(3)
    const dataset = cached(source, 2 * BYTES + 1)
    for (const index of [0, 1, 0, 2, 0, 1]) await dataset.item(index)
    expect(source.reads).to.deep.equal([0, 1, 2, 1])
  })

  it('lets concurrent requests share one read', async () => {
    const source = rows(2)
    for (const dataset of [cached(source, 100), cached(source, 0)]) {
      source.reads.length = 0
      const samples = await Promise.all([dataset.item(1), dataset.item(1), dataset.item(1)])
      expect(source.reads).to.deep.equal([1])
      expect(samples[1]).to.equal(samples[0])
    }
  })

  it('keeps nothing that is too large', async () => {
    const source = rows(1)
    const dataset = cached(source, BYTES - 1)
    await dataset.item(0)
    await dataset.item(0)
    expect(source.reads).to.deep.equal([0, 0])
  })

  it('counts instance maps', async () => {
    const source = memoryDataset([], [rowSample('x', [0, 1], [1, 1])])
    const dataset = cached(source, BYTES)
    await dataset.item(0)
    await dataset.item(0)
    expect(source.reads).to.have.length(2)
  })

  it('tries again after a failure, thrown or rejected', async () => {
    let calls = 0
    const source = rows(1)
    const flaky = {
      ...source,
      item: (index: number) => {
        calls++
        if (calls === 1) throw new Error('thrown')
        return calls === 2 ? Promise.reject(new Error('rejected')) : source.item(index)
      },
    }
    const dataset = cached(flaky, 100)
    const messages: string[] = []
    for (let i = 0; i < 2; i++) await dataset.item(0).catch((error: Error) => messages.push(error.message))
    expect(messages).to.deep.equal(['thrown', 'rejected'])
    expect((await dataset.item(0)).id).to.equal('s0')
  })

  it('never holds more than it may, whatever is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(7), { maxLength: 60 }), fc.nat(8), async (requests, capacity) => {
        const source = rows(8)
        const dataset = cached(source, capacity * BYTES)
        const recent: number[] = []
        for (const index of requests) {
          const before = source.reads.length
          await dataset.item(index)
          expect(source.reads.length - before).to.equal(recent.includes(index) ? 0 : 1)
          if (recent.includes(index)) recent.splice(recent.indexOf(index), 1)
          recent.push(index)
          if (recent.length > capacity) recent.shift()
        }
      }),
    )
  })
})
