import { expect } from 'chai'
import fc from 'fast-check'
import type { Batch } from '../../lib/data/batch.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { type ClassIndex, indexClasses } from '../../lib/data/sampling/class-index.ts'
import { classUniform } from '../../lib/data/sampling/class-uniform.ts'
import { mixed } from '../../lib/data/sampling/mixed.ts'
import { shardOf, shuffled } from '../../lib/data/sampling/sampler.ts'
import { drawWindow } from '../../lib/data/transforms.ts'
import { random } from '../../lib/random.ts'
import { datasetOf, encoded } from '../support/encoded-pictures.ts'
import { rejection, thrown } from '../support/image-files.ts'

/** Images of 0 with one pixel of class 2 in every tenth, and class 1 in one alone. */
const rare = datasetOf(
  Array.from({ length: 40 }, (_, i) =>
    encoded(`item${i}`, 24, 32, (y, x) =>
      i % 10 === 3 && y === 20 && x === 29 ? 2 : i === 7 && y < 2 && x < 3 ? 1 : 0,
    ),
  ),
  ['common', 'once', 'rare', 'never'],
)

async function batches(loader: DataLoader, epoch = 0): Promise<Batch[]> {
  const all: Batch[] = []
  for await (const batch of loader.epoch(epoch)) all.push(batch)
  return all
}

describe('sampling', () => {
  it('by class: rare classes come as often as common ones, and the crop shows them', async () => {
    const index = await indexClasses(rare)
    expect(index.map((places) => places.length)).to.deep.equal([40, 1, 4, 0])
    expect(index[2][0]).to.deep.equal({ item: 3, pixels: 1, points: [[20 / 24, 29 / 32]] })
    const sampler = classUniform(index, { length: rare.length, share: 1 })
    const loader = new DataLoader(rare, { batchSize: 8, crop: [8, 8], scale: [1, 1], flip: 0, sampler })
    const shown = [0, 0, 0]
    for (let epoch = 0; epoch < 6; epoch++) {
      for (const { labels } of await batches(loader, epoch)) {
        for (let i = 0; i < 8; i++) {
          const crop = new Set(labels.data.subarray(i * 64, (i + 1) * 64))
          for (const label of [1, 2]) if (crop.has(label)) shown[label]++
        }
      }
    }
    expect(shown[1]).to.be.within(50, 110) // a third of 240 each; class 0 is in nearly all crops
    expect(shown[2]).to.be.within(50, 110)
  })

  it('by class with share 0 is the usual order', async () => {
    const sampler = classUniform(await indexClasses(rare), { length: 40, share: 0 })
    const plain = shuffled(40)
    for (let p = 0; p < 100; p++) expect(sampler.draw(2, p, 5)).to.deep.equal(plain.draw(2, p, 5))
  })

  it('keeps a few pixels of a class, all of them its own', async () => {
    const index: ClassIndex = await indexClasses(
      datasetOf([encoded('a', 9, 11, (y) => (y > 4 ? 1 : 0))], ['a', 'b']),
    )
    expect(index[1][0].pixels).to.equal(44)
    expect(index[1][0].points).to.have.length(8)
    for (const [y] of index[1][0].points) expect(Math.floor(y * 9)).to.be.above(4)
    expect(await indexClasses(rare)).to.deep.equal(await indexClasses(rare))
  })

  it('of several sets: by weight, every item of a set once before any comes again', () => {
    const sets = [10, 200].map((length, s) =>
      datasetOf(
        Array.from({ length }, (_, i) => encoded(`${s}-${i}`, 8, 8, () => 0)),
        ['a'],
      ),
    )
    const { dataset, sampler } = mixed([
      { dataset: sets[0], weight: 1 },
      { dataset: sets[1], weight: 3 },
    ])
    expect(dataset.length).to.equal(210)
    const items = Array.from({ length: 210 }, (_, p) => sampler.draw(1, p, 9).item)
    const small = items.filter((item) => item < 10)
    expect(small.length).to.be.within(30, 75)
    for (let i = 0; i + 10 <= small.length; i += 10) expect(new Set(small.slice(i, i + 10)).size).to.equal(10)
    const large = items.filter((item) => item >= 10)
    expect(new Set(large).size).to.equal(large.length)
    // In any order of asking, and again.
    expect([209, 3, 77].map((p) => sampler.draw(1, p, 9).item)).to.deep.equal([
      items[209],
      items[3],
      items[77],
    ])
    sampler.draw(2, 5, 9)
    expect(sampler.draw(1, 77, 9).item).to.equal(items[77])
  })

  it('shards of all ranks together are the whole epoch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 7 }), (length, count) => {
        fc.pre(count <= length)
        const ranks = Array.from({ length: count }, (_, index) => shardOf(shuffled(length), { index, count }))
        const items = ranks.flatMap((rank) =>
          Array.from({ length: rank.length }, (_, p) => rank.draw(3, p, 1).item),
        )
        expect(new Set(items).size).to.equal(items.length)
        expect(items.length).to.equal(Math.floor(length / count) * count)
      }),
    )
  })

  it('two ranks see what one rank with twice the batch sees, bit by bit', async () => {
    const options = { crop: [16, 16], seed: 4 } as const
    const one = await batches(new DataLoader(rare, { ...options, batchSize: 4 }))
    const two = await Promise.all(
      [0, 1].map((index) =>
        batches(new DataLoader(rare, { ...options, batchSize: 2, shard: { index, count: 2 } })),
      ),
    )
    expect(two[0].length).to.equal(one.length)
    for (const [b, { ids, images }] of one.entries()) {
      for (let i = 0; i < 4; i++) {
        const part = two[i % 2][b]
        expect(part.ids?.[i >> 1]).to.equal(ids?.[i])
        const size = 16 * 16 * 3
        const slot = i >> 1
        expect(part.images.data.subarray(slot * size, (slot + 1) * size)).to.deep.equal(
          images.data.subarray(i * size, (i + 1) * size),
        )
      }
    }
  })

  it('a window with a focus shows it, for any picture, size, factor and point', () => {
    const side = fc.integer({ min: 1, max: 40 })
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        side,
        side,
        side,
        fc.double({ min: 0.3, max: 3, noNaN: true }),
        share,
        share,
        (h, w, c, f, y, x) => {
          const { source } = drawWindow(h, w, [c, c], f, random(h * w + c), [y, x])
          const [row, column] = [Math.floor(y * h), Math.floor(x * w)]
          expect(row).to.be.within(source.top, source.top + source.height - 1)
          expect(column).to.be.within(source.left, source.left + source.width - 1)
          expect(source.top + source.height).to.be.at.most(h)
          expect(source.left + source.width).to.be.at.most(w)
        },
      ),
    )
  })

  it('refuses what cannot be sampled, naming it', async () => {
    await rejection(indexClasses(datasetOf([], [])), 'EMPTY')
    thrown(() => classUniform([[], []], { length: 3 }), 'EMPTY')
    thrown(() => mixed([{ dataset: rare, weight: 0 }]), 'INVALID_ARGUMENT')
    thrown(() => new DataLoader(rare, { batchSize: 2, shard: { index: 2, count: 2 } }), 'INVALID_ARGUMENT')
    thrown(
      () => new DataLoader(rare, { batchSize: 2, sampler: shuffled(4), shuffle: true }),
      'INVALID_ARGUMENT',
    )
  })
})
