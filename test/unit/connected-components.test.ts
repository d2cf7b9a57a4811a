import { expect } from 'chai'
import fc from 'fast-check'
import { connectedComponents } from '../../lib/evaluation/connected-components.ts'

/** A mask from rows of text, # = inside. */
function maskOf(...rows: string[]): [Uint8Array, [number, number]] {
  return [Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)), [rows.length, rows[0].length]]
}

/** The slow way: flood fill from every pixel that has no number yet. */
function floodFill(mask: Uint8Array, [height, width]: readonly [number, number]): Int32Array {
  const labels = new Int32Array(mask.length)
  let count = 0
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || labels[start] !== 0) continue
    labels[start] = ++count
    const open = [start]
    while (open.length > 0) {
      const at = open.pop()!
      const [y, x] = [Math.floor(at / width), at % width]
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const [ny, nx] = [y + dy, x + dx]
          const next = ny * width + nx
          if (ny < 0 || nx < 0 || ny >= height || nx >= width || mask[next] === 0 || labels[next] !== 0)
            continue
          labels[next] = count
          open.push(next)
        }
    }
  }
  return labels
}

describe('connectedComponents', () => {
  it('joins pixels that touch by a corner, and numbers components by their first pixel', () => {
    const { labels, count, areas, boxes } = connectedComponents(
      ...maskOf('..#..#', '.#....', '#....#', '.....#'),
    )
    expect(count).to.equal(3)
    expect([...labels]).to.deep.equal([
      ...[0, 0, 1, 0, 0, 2],
      ...[0, 1, 0, 0, 0, 0],
      ...[1, 0, 0, 0, 0, 3],
      ...[0, 0, 0, 0, 0, 3],
    ])
    expect(areas).to.deep.equal([18, 3, 1, 2])
    expect(boxes[1]).to.deep.equal({ left: 0, top: 0, right: 3, bottom: 3 })
    expect(boxes[3]).to.deep.equal({ left: 5, top: 2, right: 6, bottom: 4 })
  })

  it('unites branches that meet only further down', () => {
    expect(connectedComponents(...maskOf('#.#.#', '#.#.#', '##.##', '..#..')).count).to.equal(1)
  })

  it('refuses a mask of another size', () => {
    expect(() => connectedComponents(new Uint8Array(4), [3, 3])).to.throw('3×3 values')
  })

  it('is what a flood fill finds', () => {
    const picture = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
      .chain(([height, width]) =>
        fc.tuple(
          fc.constant([height, width] as const),
          fc.uint8Array({ minLength: height * width, maxLength: height * width, max: 1 }),
        ),
      )
    fc.assert(
      fc.property(picture, ([size, mask]) => {
        const { labels, areas, boxes, count } = connectedComponents(mask, size)
        expect([...labels]).to.deep.equal([...floodFill(mask, size)])
        for (let k = 0; k <= count; k++)
          expect(areas[k]).to.equal(labels.filter((label) => label === k).length)
        for (let k = 1; k <= count; k++) {
          const at = [...labels.keys()].filter((i) => labels[i] === k)
          const rows = at.map((i) => Math.floor(i / size[1]))
          const columns = at.map((i) => i % size[1])
          expect(boxes[k]).to.deep.equal({
            left: Math.min(...columns),
            top: Math.min(...rows),
            right: Math.max(...columns) + 1,
            bottom: Math.max(...rows) + 1,
          })
        }
      }),
      { numRuns: 300 },
    )
  })
})
