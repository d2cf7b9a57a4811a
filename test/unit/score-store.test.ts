import { expect } from 'chai'
import fc from 'fast-check'
import { binKey, bitsOfScores, keyFromBits } from '../../lib/evaluation/score-keys.ts'
import { ScoreStore } from '../../lib/evaluation/score-store.ts'

const FOLD = 64

function keysOf(scores: readonly number[]): Int32Array {
  return Int32Array.from(bitsOfScores(Float32Array.from(scores)), keyFromBits)
}

/** Distinct keys ascending with their counts, the slow way. */
function counted(keys: readonly number[]): [number, number][] {
  const counts = new Map<number, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => a - b)
}

function entries(store: ScoreStore): [number, number][] {
  const { keys, counts } = store.runs()
  return Array.from(keys, (key, i): [number, number] => [key, counts[i]])
}

/** Scores on a grid, as quantised files have them: blocks of keys fill up soon. */
const quantised = fc.integer({ min: -4096, max: 4096 }).map((i) => i / 1024)
const anyFloat = fc.float({ noNaN: true, noDefaultInfinity: true })
/** Fine steps within a block of the grid: they fall between its counters. */
const between = fc.integer({ min: 0, max: 1 << 18 }).map((i) => 1 + i * 2 ** -23)
const images = fc.array(
  fc.array(fc.oneof(quantised, quantised, quantised, between, anyFloat), { maxLength: 300 }),
  {
    maxLength: 12,
  },
)

describe('ScoreStore', () => {
  it('counts every distinct score, whether it waits, has a run or a counter', () => {
    fc.assert(
      fc.property(images, fc.constantFrom(32, 32, 20, 12), (all, bits) => {
        const store = new ScoreStore(bits, FOLD)
        for (const image of all) store.push(keysOf(image))
        const expected = counted(all.flatMap((image) => [...keysOf(image)].map((key) => binKey(key, bits))))
        expect(entries(store)).to.deep.equal(expected)
        expect(store.count).to.equal(all.flat().length)
        expect(store.distinct()).to.equal(expected.length)
      }),
      { numRuns: 300 },
    )
  })

  it('merges, and survives JSON, to what one store holds', () => {
    fc.assert(
      fc.property(images, images, (first, second) => {
        const fill = (all: number[][]) => {
          const store = new ScoreStore(32, FOLD)
          for (const image of all) store.push(keysOf(image))
          return store
        }
        const merged = fill(first)
        merged.merge(ScoreStore.fromJSON('json', JSON.parse(JSON.stringify(fill(second).toJSON()))))
        merged.push(keysOf([0.5, 1.5]))
        expect(merged.toJSON()).to.deep.equal(fill([...first, ...second, [0.5, 1.5]]).toJSON())
      }),
    )
  })

  it('goes on counting beyond 2^32 of one score', () => {
    const grid = Array.from({ length: 256 }, (_, i) => 1 + i / 8192)
    const many = ScoreStore.fromJSON('json', {
      count: 256 * (2 ** 32 - 100),
      scores: Buffer.from(Float32Array.from(grid).buffer).toString('base64'),
      counts: Buffer.from(new Float64Array(256).fill(2 ** 32 - 100).buffer).toString('base64'),
    })
    const store = new ScoreStore(32, FOLD)
    store.push(keysOf(grid))
    store.merge(many)
    for (let i = 0; i < 100; i++) store.push(keysOf([...grid, ...grid]))
    for (const [, count] of entries(store)) expect(count).to.equal(2 ** 32 + 101)
  })

  it('walks downwards through runs and counters in order', () => {
    const store = new ScoreStore(32, FOLD)
    const grid = Array.from({ length: 512 }, (_, i) => 1 + i / 8192)
    store.push(keysOf([...grid, -3, 7e30, 0, 1e-40, ...grid, ...grid]))
    const cursor = store.descending()
    let last = Infinity
    let seen = 0
    while (cursor.next()) {
      expect(cursor.key).to.be.below(last)
      last = cursor.key
      seen += cursor.count
    }
    expect(seen).to.equal(store.count)
    expect(cursor.next()).to.equal(false)
  })
})
