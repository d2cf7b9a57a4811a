import { expect } from 'chai'
import { UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { withPastedNegatives } from '../../lib/data/pasted.ts'
import { tensor } from '../../lib/tensor.ts'
import { datasetOf, encoded, rejection, whiteRectangles } from '../support/encoded-pictures.ts'

const streets = datasetOf(
  [0, 1, 2].map((k) => ({
    ...encoded(`s${k}`, 16, 20, (y, x) => (x + y + k) % 3),
    instances: tensor(new Uint8Array(320).fill(4), [16, 20]),
  })),
  ['road', 'sky', 'car'],
  'streets',
)

describe('withPastedNegatives', () => {
  it('pastes one object into every item and leaves all else as it is', async () => {
    const pasted = withPastedNegatives(streets, whiteRectangles(6), { seed: 2 })
    expect(pasted.length).to.equal(3)
    expect(pasted.classes).to.deep.equal(streets.classes)
    for (let index = 0; index < 3; index++) {
      const [before, after] = [await streets.item(index), await pasted.item(index)]
      expect(after.id).to.equal(before.id)
      const found = [...after.labels.data.keys()].filter((i) => after.labels.data[i] === UNKNOWN_LABEL)
      const rows = new Set(found.map((i) => Math.floor(i / 20)))
      const columns = new Set(found.map((i) => i % 20))
      expect(found.length).to.be.within(1, 36)
      expect(found.length).to.equal(rows.size * columns.size) // one rectangle
      for (let i = 0; i < 320; i++) {
        if (found.includes(i)) {
          expect([...after.image.data.subarray(i * 3, i * 3 + 3)]).to.deep.equal([255, 255, 255])
          expect(after.instances!.data[i]).to.equal(0)
        } else {
          expect(after.labels.data[i]).to.equal(before.labels.data[i])
          expect(after.image.data[i * 3]).to.equal(before.image.data[i * 3])
          expect(after.instances!.data[i]).to.equal(4)
        }
      }
      expect([...before.labels.data]).not.to.include(UNKNOWN_LABEL)
    }
  })

  it('gives the same item again, whatever was read before; another one for another seed or index', async () => {
    const make = (seed: number) => withPastedNegatives(streets, whiteRectangles(6), { seed })
    const first = await make(1).item(2)
    const again = make(1)
    await again.item(0)
    expect(await again.item(2)).to.deep.equal(first)
    const where = ({ labels }: typeof first) => labels.data.map((label) => (label === UNKNOWN_LABEL ? 1 : 0))
    expect(where(await make(2).item(2))).not.to.deep.equal(where(first))
    expect(where(await make(1).item(1))).not.to.deep.equal(where(first))
  })

  it('draws again until the object has minArea pixels, and gives up with EMPTY', async () => {
    const large = withPastedNegatives(streets, whiteRectangles(6), { minArea: 25 })
    for (let index = 0; index < 3; index++) {
      const { labels } = await large.item(index)
      expect(labels.data.filter((label) => label === UNKNOWN_LABEL).length).to.be.at.least(25)
    }
    const error = await rejection(withPastedNegatives(streets, whiteRectangles(3), { minArea: 10 }).item(0))
    expect(error.code).to.equal('EMPTY')
    expect(error.message).to.match(/white rectangles.*10 pixels.*s0/)
  })

  it('hands on the files of an item, and refuses unknown options', () => {
    const files = (index: number) => ({ image: `${index}.png` })
    expect(withPastedNegatives({ ...streets, files }, whiteRectangles(2)).files?.(1)).to.deep.equal({
      image: '1.png',
    })
    expect(withPastedNegatives(streets, whiteRectangles(2))).not.to.have.property('files')
    expect(() => withPastedNegatives(streets, whiteRectangles(2), { sead: 1 } as object)).to.throw(/sead/)
  })
})
