import { expect } from 'chai'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { holdOut } from '../../lib/data/hold-out.ts'
import { thrown } from '../support/image-files.ts'
import { memoryDataset, rowSample } from '../support/memory-dataset.ts'

const dataset = memoryDataset(
  ['sky', 'car', 'road', 'bicyclist'],
  [rowSample('a', [0, 1, 2, 3, 254, 255], [0, 1, 2, 3, 4, 5])],
)

describe('holdOut', () => {
  it('numbers the remaining classes densely and ignores the others', async () => {
    const held = holdOut(dataset, ['car'], { as: 'ignore' })
    expect(held.classes).to.deep.equal(['sky', 'road', 'bicyclist'])
    expect([...(await held.item(0)).labels.data]).to.deep.equal([0, IGNORE_LABEL, 1, 2, 254, 255])
  })

  it('makes held-out classes unknown', async () => {
    const held = holdOut(dataset, ['bicyclist', 'sky'], { as: 'unknown' })
    expect(held.classes).to.deep.equal(['car', 'road'])
    expect([...(await held.item(0)).labels.data]).to.deep.equal([
      UNKNOWN_LABEL,
      0,
      1,
      UNKNOWN_LABEL,
      254,
      255,
    ])
  })

  it('leaves the source, the image, the instances and the files as they are', async () => {
    const held = holdOut(dataset, ['car'], { as: 'unknown' })
    const sample = await held.item(0)
    const source = await dataset.item(0)
    expect([...source.labels.data]).to.deep.equal([0, 1, 2, 3, 254, 255])
    expect(sample.image).to.equal(source.image)
    expect(sample.instances).to.equal(source.instances)
    expect(sample.id).to.equal('a')
    expect(held.files!(0)).to.deep.equal(dataset.files(0))
    expect(held.length).to.equal(1)
  })

  it('does not hide a label that is no class', async () => {
    const faulty = memoryDataset(['sky', 'car'], [rowSample('a', [0, 1, 2])])
    const held = holdOut(faulty, ['car'], { as: 'ignore' })
    expect([...(await held.item(0)).labels.data]).to.deep.equal([0, 255, 2])
  })

  it('can be applied twice', async () => {
    const held = holdOut(holdOut(dataset, ['car'], { as: 'unknown' }), ['bicyclist'], { as: 'ignore' })
    expect(held.classes).to.deep.equal(['sky', 'road'])
    expect([...(await held.item(0)).labels.data]).to.deep.equal([0, 254, 1, 255, 254, 255])
  })

  it('names a class that does not exist, with the nearest', () => {
    const error = thrown(() => holdOut(dataset, ['sky', 'bicyclists'], { as: 'ignore' }), 'INVALID_ARGUMENT')
    expect(error.message).to.include('names[1]').and.to.include('"bicyclists"')
    expect(error.hint).to.equal('Did you mean bicyclist?')
    expect(
      thrown(() => holdOut(dataset, ['elephant'], { as: 'ignore' }), 'INVALID_ARGUMENT').hint,
    ).to.include('road')
  })

  it('refuses no names, a name twice, all names and other ways', () => {
    for (const names of [[], ['car', 'car'], ['sky', 'car', 'road', 'bicyclist'], 'car' as never]) {
      thrown(() => holdOut(dataset, names, { as: 'ignore' }), 'INVALID_ARGUMENT')
    }
    thrown(() => holdOut(dataset, ['car'], { as: 'skip' as never }), 'INVALID_ARGUMENT')
  })
})
