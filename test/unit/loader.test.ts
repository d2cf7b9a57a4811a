import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { type Dataset, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { type Batch, DataLoader, type DataLoaderOptions, type EpochOptions } from '../../lib/data/loader.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import { datasetOf, encoded, rejection, whiteRectangles } from '../support/encoded-pictures.ts'

const pictures = (count: number, height = 12, width = 16) =>
  datasetOf(
    Array.from({ length: count }, (_, k) => encoded(`p${k}`, height, width, (y, x) => (y + 2 * x + k) % 6)),
    ['a', 'b', 'c', 'd', 'e', 'f'],
  )

/** The same data set, but items come after irregular waits; `reads` lists the indices that were asked for. */
function slow(dataset: Dataset): Dataset & { reads: number[]; mostAtOnce: number } {
  let active = 0
  const watched = {
    ...dataset,
    reads: [] as number[],
    mostAtOnce: 0,
    async item(index: number) {
      watched.reads.push(index)
      watched.mostAtOnce = Math.max(watched.mostAtOnce, ++active)
      await sleep((index * 7) % 5)
      active--
      return dataset.item(index)
    },
  }
  return watched
}

async function collect(loader: DataLoader, epoch: number, options?: EpochOptions): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of loader.epoch(epoch, options)) batches.push(batch)
  return batches
}
const ids = (batches: Batch[]) => batches.flatMap((batch) => batch.ids)

describe('DataLoader', () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  before(() => process.on('unhandledRejection', note))
  after(() => process.off('unhandledRejection', note))
  afterEach(async () => {
    await sleep(15)
    expect(unhandled.splice(0)).to.deep.equal([])
  })

  it('gives batches of N×H×W×3 images and N×H×W labels', async () => {
    const [batch] = await collect(new DataLoader(pictures(6), { batchSize: 3, crop: [8, 10] }), 0)
    expect(batch.images.shape).to.deep.equal([3, 8, 10, 3])
    expect(batch.images.data).to.have.length(3 * 8 * 10 * 3)
    expect(batch.labels.shape).to.deep.equal([3, 8, 10])
  })

  it('keeps each image with its labels and its id', async () => {
    const dataset = pictures(5)
    const loader = new DataLoader(dataset, { batchSize: 5, flip: 0 })
    const [batch] = await collect(loader, 3)
    for (const [slot, id] of batch.ids.entries()) {
      const sample = await dataset.item(Number(id.slice(1)))
      expect(batch.labels.data.slice(slot * 192, (slot + 1) * 192)).to.deep.equal(sample.labels.data)
      expect(batch.images.data.slice(slot * 576, (slot + 1) * 576)).to.deep.equal(sample.image.data)
    }
  })

  it('gives the same batches at concurrency 1 and 8, for any seed and epoch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(100),
        fc.integer({ min: 1, max: 4 }),
        async (seed, epoch, batchSize) => {
          const options = { batchSize, seed, crop: [9, 9], dropLast: false } as const
          const made = [1, 8].map((concurrency) =>
            collect(
              new DataLoader(slow(pictures(7)), { ...options, concurrency, prefetch: concurrency }),
              epoch,
              {
                negatives: whiteRectangles(6),
              },
            ),
          )
          const [one, eight] = await Promise.all(made)
          expect(eight).to.deep.equal(one)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('gives other orders and crops in another epoch and for another seed', async () => {
    const loader = (seed: number) => new DataLoader(pictures(12), { batchSize: 12, seed, crop: [6, 6] })
    const [first] = await collect(loader(0), 0)
    for (const [other] of [await collect(loader(0), 1), await collect(loader(1), 0)]) {
      expect(other.ids).not.to.deep.equal(first.ids)
      expect([...other.ids].sort()).to.deep.equal([...first.ids].sort())
      expect(other.images.data).not.to.deep.equal(first.images.data)
    }
    expect(await collect(loader(0), 0)).to.deep.equal([first])
  })

  it('takes the order of the data set without shuffle', async () => {
    const loader = new DataLoader(pictures(5), { batchSize: 2, shuffle: false, dropLast: false })
    expect(ids(await collect(loader, 4))).to.deep.equal(['p0', 'p1', 'p2', 'p3', 'p4'])
  })

  it('drops the last batch, or gives a smaller one', async () => {
    const dropping = new DataLoader(pictures(7), { batchSize: 3 })
    expect(dropping.batchesPerEpoch).to.equal(2)
    expect((await collect(dropping, 0)).map((b) => b.ids.length)).to.deep.equal([3, 3])
    const keeping = new DataLoader(pictures(7), { batchSize: 3, dropLast: false })
    expect(keeping.batchesPerEpoch).to.equal(3)
    const batches = await collect(keeping, 0)
    expect(batches.map((b) => b.images.shape[0])).to.deep.equal([3, 3, 1])
    expect(new Set(ids(batches)).size).to.equal(7)
  })

  it('wraps a data set that is smaller than a batch, with other crops the second time', async () => {
    const loader = new DataLoader(pictures(2, 40, 40), { batchSize: 5, crop: [8, 8] })
    expect(loader.batchesPerEpoch).to.equal(1)
    const [batch] = await collect(loader, 0)
    expect(new Set(batch.ids)).to.deep.equal(new Set(['p0', 'p1']))
    expect(batch.ids).to.have.length(5)
    const crops = Array.from({ length: 5 }, (_, i) => batch.labels.data.slice(i * 64, (i + 1) * 64).join())
    expect(new Set(crops).size).to.equal(5)
    const [all] = await collect(new DataLoader(pictures(2), { batchSize: 5, dropLast: false }), 0)
    expect(all.ids).to.have.length(2)
  })

  it('goes on at batch `start` as the whole epoch does, without reading what is left out', async () => {
    const dataset = slow(pictures(9))
    const loader = new DataLoader(dataset, { batchSize: 2, crop: [5, 5] })
    const whole = await collect(loader, 2)
    dataset.reads.length = 0
    expect(await collect(loader, 2, { start: 3 })).to.deep.equal(whole.slice(3))
    expect(dataset.reads.map((index) => `p${index}`).sort()).to.deep.equal([...whole[3].ids].sort())
    expect(await collect(loader, 2, { start: 4 })).to.deep.equal([])
  })

  it('mirrors with the given probability', async () => {
    const dataset = datasetOf([encoded('ramp', 1, 4, (_, x) => x)], ['a', 'b', 'c', 'd'])
    const count = async (flip: number) => {
      const [batch] = await collect(new DataLoader(dataset, { batchSize: 200, flip }), 0)
      return Array.from({ length: 200 }, (_, i) => batch.labels.data[i * 4]).filter((label) => label === 3)
        .length
    }
    expect(await count(0)).to.equal(0)
    expect(await count(1)).to.equal(200)
    expect(await count(0.5)).to.be.within(70, 130)
  })

  it('pastes one negative into every image, after the crop', async () => {
    const dataset = pictures(6)
    const before = (await dataset.item(0)).image.data.slice()
    const [batch] = await collect(new DataLoader(dataset, { batchSize: 6 }), 0, {
      negatives: whiteRectangles(5),
    })
    for (let i = 0; i < 6; i++) {
      const labels = batch.labels.data.subarray(i * 192, (i + 1) * 192)
      const images = batch.images.data.subarray(i * 576, (i + 1) * 576)
      const pasted = [...labels.keys()].filter((k) => labels[k] === UNKNOWN_LABEL)
      expect(pasted.length).to.be.within(1, 25)
      for (const k of pasted) expect([...images.subarray(k * 3, k * 3 + 3)]).to.deep.equal([255, 255, 255])
    }
    expect((await dataset.item(0)).image.data).to.deep.equal(before)
  })

  it('reads at most `concurrency` items at once and `prefetch` batches ahead', async () => {
    const dataset = slow(pictures(40))
    const loader = new DataLoader(dataset, { batchSize: 2, concurrency: 3, prefetch: 2 })
    const batches = loader.epoch(0)[Symbol.asyncIterator]()
    await batches.next()
    await sleep(60)
    expect(dataset.mostAtOnce).to.equal(3)
    expect(dataset.reads.length).to.equal(6)
    await batches.return?.()
  })

  it('names two images of different sizes when there is no crop', async () => {
    const sizes = [12, 12, 10]
    const samples = sizes.map((height, k) => encoded(`p${k}`, height, 16, () => 0))
    const loader = new DataLoader(datasetOf(samples, ['a']), { batchSize: 3, shuffle: false })
    const error = await rejection(collect(loader, 0))
    expect(error.code).to.equal('INVALID_ARGUMENT')
    expect(error.message).to.match(/p0 is 16×12.*p2 is 16×10/)
    const cropped = new DataLoader(datasetOf(samples, ['a']), { batchSize: 3, crop: [8, 8] })
    expect(await collect(cropped, 0)).to.have.length(1)
  })

  it('rejects with the error of an item, when its batch is reached', async () => {
    const failure = new DenseHybridError('INVALID_FILE', 'p5.png is truncated')
    const good = pictures(8)
    const dataset = {
      ...good,
      item: (index: number) => (index === 5 ? Promise.reject(failure) : good.item(index)),
    }
    const seen: string[] = []
    const loader = new DataLoader(dataset, { batchSize: 2, shuffle: false })
    const error = await rejection(
      (async () => {
        for await (const batch of loader.epoch(0)) {
          seen.push(...batch.ids)
          await sleep(5)
        }
      })(),
    )
    expect(error).to.equal(failure)
    expect(seen).to.deep.equal(['p0', 'p1', 'p2', 'p3'])
  })

  it('names an item whose labels do not fit its image', async () => {
    const sample = { ...encoded('odd', 4, 4, () => 0), labels: encoded('', 4, 5, () => 0).labels }
    const error = await rejection(collect(new DataLoader(datasetOf([sample], ['a']), { batchSize: 1 }), 0))
    expect(error.message).to.match(/item 0 of toy\.labels/)
  })

  it('stops at once when aborted, even while an item hangs', async () => {
    const controller = new AbortController()
    const dataset = { ...pictures(4), item: () => new Promise<never>(() => {}) }
    const pending = collect(new DataLoader(dataset, { batchSize: 2 }), 0, { signal: controller.signal })
    setTimeout(() => controller.abort(), 10)
    const begun = performance.now()
    const error = await rejection(pending)
    expect(error.code).to.equal('ABORTED')
    expect(performance.now() - begun).to.be.below(500)
  })

  it('begins no further reads after an abort, a break or an error', async () => {
    for (const how of ['abort', 'break', 'throw']) {
      const dataset = slow(pictures(100))
      const controller = new AbortController()
      const loader = new DataLoader(dataset, { batchSize: 2, concurrency: 2, prefetch: 8 })
      const run = async () => {
        for await (const _ of loader.epoch(0, { signal: controller.signal })) {
          if (how === 'break') break
          if (how === 'throw') throw new Error('enough')
          controller.abort()
        }
      }
      if (how === 'break') await run()
      else expect((await rejection(run())).message).to.match(how === 'abort' ? /aborted/ : /enough/)
      await sleep(10)
      const begun = dataset.reads.length
      await sleep(30)
      expect(dataset.reads.length, how).to.equal(begun)
      expect(begun).to.be.below(18)
    }
  })

  it('reads nothing when it is aborted before the start', async () => {
    const dataset = slow(pictures(4))
    const error = await rejection(
      collect(new DataLoader(dataset, { batchSize: 2 }), 0, { signal: AbortSignal.abort() }),
    )
    expect(error.code).to.equal('ABORTED')
    expect(dataset.reads).to.deep.equal([])
  })

  it('leaves no listeners on the signal', async () => {
    const controller = new AbortController()
    const { signal } = controller
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    await collect(new DataLoader(pictures(20), { batchSize: 2 }), 0, { signal })
    await sleep(1)
    expect(listeners).to.equal(0)
  })

  it('refuses wrong options before any work', () => {
    const make = (options: object) => () => new DataLoader(pictures(2), options as DataLoaderOptions)
    expect(make({})).to.throw(DenseHybridError, /batchSize/)
    expect(make({ batchSize: 1, sufle: true })).to.throw(DenseHybridError, /Unknown option "sufle"/)
    expect(make({ batchSize: 1, crop: 8 })).to.throw(DenseHybridError, /crop/)
    expect(make({ batchSize: 1, flip: 2 })).to.throw(DenseHybridError, /flip/)
    expect(make({ batchSize: 1, shuffle: 'yes' })).to.throw(DenseHybridError, /shuffle/)
    expect(make({ batchSize: 1, concurrency: 0 })).to.throw(DenseHybridError, /concurrency/)
    expect(() => new DataLoader(pictures(0), { batchSize: 1 })).to.throw(DenseHybridError, /no items/)
    const loader = new DataLoader(pictures(2), { batchSize: 1 })
    expect(() => loader.epoch(-1)).to.throw(DenseHybridError, /epoch/)
    expect(() => loader.epoch(0, { start: 3 })).to.throw(DenseHybridError, /start/)
    expect(() => loader.epoch(0, { negatives: {} as never })).to.throw(DenseHybridError, /negatives/)
  })
})
