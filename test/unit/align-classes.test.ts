import { expect } from 'chai'
import { alignClasses } from '../../lib/data/align-classes.ts'
import type { Dataset } from '../../lib/data/dataset.ts'
import { tensor } from '../../lib/tensor.ts'

function dataset(classes: string[]): Dataset {
  return {
    name: 'streets',
    classes,
    length: 1,
    item: async () => ({
      id: 'one',
      image: tensor(new Uint8Array(18), [1, 6, 3]),
      labels: tensor(Uint8Array.from([0, 1, 2, 3, 254, 255]), [1, 6]),
    }),
  }
}
const labels = async (given: Dataset) => [...(await given.item(0)).labels.data]

describe('alignClasses', () => {
  const streets = dataset(['road', 'car', 'sky', 'bicycle'])

  it('returns a data set whose classes fit as it is', () => {
    const { dataset: same, heldOut } = alignClasses(streets, streets.classes, { as: 'ignore' })
    expect(same).to.equal(streets)
    expect(heldOut).to.deep.equal([])
  })

  it('brings labels into the order of the model', async () => {
    const { dataset: aligned, heldOut } = alignClasses(streets, ['sky', 'road', 'bicycle', 'car'], {
      as: 'ignore',
    })
    expect(heldOut).to.deep.equal([])
    expect(aligned.classes).to.deep.equal(['sky', 'road', 'bicycle', 'car'])
    expect(await labels(aligned)).to.deep.equal([1, 3, 0, 2, 254, 255])
  })

  it('makes classes that the model does not know ignored or unknown', async () => {
    const ignored = alignClasses(streets, ['road', 'sky'], { as: 'ignore' })
    expect(ignored.heldOut).to.deep.equal(['car', 'bicycle'])
    expect(await labels(ignored.dataset)).to.deep.equal([0, 255, 1, 255, 254, 255])
    const unknown = alignClasses(streets, ['road', 'sky'], { as: 'unknown' })
    expect(await labels(unknown.dataset)).to.deep.equal([0, 254, 1, 254, 254, 255])
  })

  it('leaves anomaly masks alone', () => {
    const masks = dataset([])
    expect(alignClasses(masks, ['road'], { as: 'unknown' })).to.deep.equal({ dataset: masks, heldOut: [] })
  })

  it('names the classes that the data set lacks', () => {
    expect(() => alignClasses(streets, ['road', 'tram'], { as: 'ignore' }))
      .to.throw(/labels of tram, which the model knows, in streets/)
      .with.property('code', 'INVALID_ARGUMENT')
  })
})
