import { expect } from 'chai'
import { labelColours } from '../../lib/report/colormap.ts'
import { renderContactSheet } from '../../lib/report/contact-sheet.ts'
import { datasetOf, encoded } from '../support/encoded-pictures.ts'
import { rejection } from '../support/image-files.ts'

const classes = ['left', 'right']
const dataset = datasetOf(
  Array.from({ length: 30 }, (_, i) =>
    encoded(`${'long/'.repeat(30)}${i}`, 40, 60, (_y, x) => (x < 30 ? 0 : x < 50 ? 1 : 254)),
  ),
  classes,
)

describe('renderContactSheet', () => {
  it('lays samples out in rows of three, each as image and labels, the same for the same seed', async () => {
    const sheet = await renderContactSheet(dataset, { count: 5, width: 60 })
    const [height, width] = sheet.shape
    expect(width).to.equal(6 + 3 * (2 * 60 + 2 + 6))
    expect(height).to.be.above(2 * (40 + 13))
    expect((await renderContactSheet(dataset, { count: 5, width: 60 })).data).to.deep.equal(sheet.data)
    const other = await renderContactSheet(dataset, { count: 5, width: 60, seed: 1 })
    expect(Buffer.compare(Buffer.from(other.data), Buffer.from(sheet.data))).to.not.equal(0) // other ids
    // The image itself at the left, its labels at the right: unknown is at the far right of it.
    const at = (y: number, x: number) => [
      ...sheet.data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
    ]
    const { data: image } = (await dataset.item(0)).image
    expect(at(6 + 13 + 20, 6 + 10)).to.deep.equal([
      ...image.subarray(3 * (20 * 60 + 10), 3 * (20 * 60 + 10) + 3),
    ])
    const unknown = labelColours(classes).data.subarray(3 * 254, 3 * 254 + 3)
    const shown = at(6 + 13 + 20, 6 + 62 + 55)
    for (let c = 0; c < 3; c++) expect(shown[c]).to.be.closeTo(unknown[c], 25)
  })

  it('shows masks without classes, and no more samples than there are', async () => {
    const masks = datasetOf([encoded('a', 8, 8, (y) => (y < 4 ? 0 : 254))], [])
    const { shape } = await renderContactSheet(masks, { count: 100, width: 32 })
    expect(shape[1]).to.equal(6 + (2 * 32 + 2 + 6))
    await rejection(renderContactSheet(masks, { count: 0 }), 'INVALID_ARGUMENT')
  })
})
