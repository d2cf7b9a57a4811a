import { expect } from 'chai'
import { readImage } from '../../lib/data/decode.ts'
import { renderBeforeAfter, renderPatchGrid, writePatchGrid } from '../../lib/report/patch-grid.ts'
import { tensor } from '../../lib/tensor.ts'
import { rejection, tempFolder, thrown } from '../support/image-files.ts'

/** N patches of 2 × 4 pixels, each of the grey level of its number. */
function patches(count: number) {
  const data = Uint8Array.from({ length: count * 24 }, (_, i) => Math.floor(i / 24))
  return tensor(data, [count, 2, 4, 3])
}

describe('renderPatchGrid', () => {
  it('lays patches out row by row, white between them and where the last row ends early', () => {
    const { data, shape } = renderPatchGrid(patches(5), { columns: 3, gap: 1 })
    expect(shape).to.deep.equal([5, 14, 3])
    const red = Array.from({ length: 5 }, (_, y) =>
      Array.from({ length: 14 }, (_, x) => data[(y * 14 + x) * 3]),
    )
    const top = [0, 0, 0, 0, 255, 1, 1, 1, 1, 255, 2, 2, 2, 2]
    const bottom = [3, 3, 3, 3, 255, 4, 4, 4, 4, 255, 255, 255, 255, 255]
    expect(red).to.deep.equal([top, top, Array(14).fill(255), bottom, bottom])
  })

  it('is about as many patches wide as high', () => {
    expect(renderPatchGrid(patches(64)).shape).to.deep.equal([8 * 4 - 2, 8 * 6 - 2, 3])
    expect(renderPatchGrid(patches(2), { gap: 0 }).shape).to.deep.equal([2, 8, 3])
  })

  it('takes one patch', () => {
    const one = tensor(new Uint8Array(24).fill(7), [2, 4, 3])
    expect([...renderPatchGrid(one).data]).to.deep.equal([...one.data])
  })

  it('names what is wrong', () => {
    const message = (action: () => unknown) => thrown(action, 'INVALID_ARGUMENT').message
    expect(message(() => renderPatchGrid(patches(1), { columns: 0 }))).to.contain('columns')
    expect(message(() => renderPatchGrid(patches(1), { gap: -1 }))).to.contain('gap')
    expect(message(() => renderPatchGrid(tensor(new Uint8Array(8), [2, 4]) as never))).to.contain('patches')
    thrown(() => renderPatchGrid(patches(0)), 'EMPTY')
  })
})

describe('renderBeforeAfter', () => {
  it('puts every patch at the same place of its own grid', () => {
    const before = patches(3)
    const after = tensor(
      before.data.map((value) => value + 100),
      before.shape,
    )
    const { data, shape } = renderBeforeAfter(before, after)
    // Two rows of 2 + 1 + 2 patches of 2 × 4 pixels with gaps of 2.
    expect(shape).to.deep.equal([6, 28, 3])
    const red = (row: number, column: number) => data[(row * 4 * 28 + column * 6) * 3]
    const grid = [0, 1].map((row) => [0, 1, 2, 3, 4].map((column) => red(row, column)))
    expect(grid).to.deep.equal([
      [0, 1, 255, 100, 101],
      [2, 255, 255, 102, 255],
    ])
  })

  it('needs as many patches of the same size', () => {
    const { message } = thrown(() => renderBeforeAfter(patches(3), patches(2)), 'INVALID_ARGUMENT')
    expect(message).to.contain('after.shape').and.contain('3×2×4×3')
  })
})

describe('writePatchGrid', () => {
  it('writes a PNG with these pixels', async () => {
    const folder = await tempFolder()
    const path = `${folder.path}/grid.png`
    await writePatchGrid(path, patches(4))
    expect(await readImage(path)).to.deep.equal(renderPatchGrid(patches(4)))
    await rejection(writePatchGrid(`${folder.path}/none/grid.png`, patches(4)), 'NOT_FOUND')
    await rejection(writePatchGrid(path, patches(4), { signal: AbortSignal.abort() }), 'ABORTED')
    await folder.remove()
  })
})
