import { expect } from 'chai'
import fc from 'fast-check'
import { OpenSetMetrics } from '../../lib/evaluation/open-set.ts'

const labels = (...values: number[]) => new Uint8Array(values)
const two = () => new OpenSetMetrics({ classes: ['road', 'car'] })

describe('OpenSetMetrics', () => {
  it('computes closed and open IoU, their gap and the matrices by hand', () => {
    const metrics = two().add({
      //            road road car car anomaly anomaly ignore
      labels: labels(0, 0, 1, 1, 254, 254, 255),
      closed: labels(0, 0, 1, 0, 1, 1, 0),
      open: labels(0, 2, 1, 0, 1, 2, 1),
    })
    const result = metrics.result()
    expect(result.perClass).to.deep.equal([
      { name: 'road', closed: 2 / 3, open: 1 / 3, gap: 2 / 3 - 1 / 3 },
      { name: 'car', closed: 1 / 2, open: 1 / 3, gap: 1 / 2 - 1 / 3 },
    ])
    expect(result.closedMIoU).to.equal((2 / 3 + 1 / 2) / 2)
    expect(result.openMIoU).to.equal(1 / 3)
    expect(result.gap).to.equal(result.closedMIoU - result.openMIoU)
    expect(result.unknownIoU).to.equal(1 / 3)
    expect(result.confusion).to.deep.equal([
      [1, 0, 1],
      [1, 1, 0],
      [0, 1, 1],
    ])
    expect(result.closedConfusion).to.deep.equal([
      [2, 0],
      [1, 1],
    ])
  })

  it('skips or counts absent classes', () => {
    const image = { labels: labels(0, 0), closed: labels(0, 0), open: labels(0, 3) }
    const skip = new OpenSetMetrics({ classes: 3 }).add(image).result()
    expect(skip).to.include({ closedMIoU: 1, openMIoU: 0.5, absent: 'skip' })
    expect(skip.perClass[1].open).to.be.NaN
    const zero = new OpenSetMetrics({ classes: 3, absent: 'zero' }).add(image).result()
    expect(zero.closedMIoU).to.equal(1 / 3)
    expect(zero.openMIoU).to.equal(0.5 / 3)
  })

  it('works with the most classes there can be', () => {
    const metrics = new OpenSetMetrics({ classes: 254 })
    metrics.add({ labels: labels(253, 254, 255), closed: labels(253, 0, 0), open: labels(253, 254, 0) })
    expect(metrics.result()).to.include({ closedMIoU: 1, openMIoU: 1, unknownIoU: 1 })
    expect(() => new OpenSetMetrics({ classes: 255 })).to.throw('options.classes')
  })

  it('refuses values out of range by name, and keeps nothing of that image', () => {
    const metrics = two()
    const add = (truth: number, closed: number, open: number) => () =>
      metrics.add({ labels: labels(0, truth), closed: labels(0, closed), open: labels(0, open) }, 'x')
    expect(add(2, 0, 0)).to.throw(
      'Value 2 in labels at pixel 1 of image "x" is out of range: expected 0 to 1, 254',
    )
    expect(add(0, 2, 0)).to.throw('Value 2 in closed')
    expect(add(0, 0, 3)).to.throw(
      'Value 3 in open at pixel 1 of image "x" is out of range: expected 0 to 1, or 2',
    )
    expect(metrics.result().confusion.flat()).to.deep.equal(new Array(9).fill(0))
    expect(add(255, 99, 99)).not.to.throw()
    expect(() => metrics.add({ labels: labels(0), closed: labels(0), open: labels(0, 0) })).to.throw(
      'labels has 1 values, open has 2 values',
    )
    expect(() => metrics.add({ labels: labels(0), closed: labels(0) } as never)).to.throw('for open')
  })

  it('is NaN with a reason where no known class occurs, and throws when strict', () => {
    const image = { labels: labels(254, 255), closed: labels(0, 0), open: labels(1, 0) }
    const result = new OpenSetMetrics({ classes: 1, absent: 'zero' }).add(image).result()
    expect(result.openMIoU).to.be.NaN
    expect(result.reason).to.equal('there is no pixel of a known class')
    expect(() => new OpenSetMetrics({ classes: 1, strict: true }).add(image).result())
      .to.throw('no pixel of a known class')
      .with.property('code', 'EMPTY')
  })

  it('merges and survives JSON as if all images had been added at once', () => {
    const pixel = fc.tuple(
      fc.constantFrom(0, 1, 254, 255),
      fc.integer({ min: 0, max: 1 }),
      fc.integer({ min: 0, max: 2 }),
    )
    const pixels = fc.array(pixel)
    fc.assert(
      fc.property(pixels, pixels, (first, second) => {
        const build = (image: [number, number, number][]) =>
          two().add({
            labels: labels(...image.map((p) => p[0])),
            closed: labels(...image.map((p) => p[1])),
            open: labels(...image.map((p) => p[2])),
          })
        const merged = build(first).merge(OpenSetMetrics.fromJSON(JSON.parse(JSON.stringify(build(second)))))
        expect(merged.result()).to.deep.equal(build([...first, ...second]).result())
      }),
    )
  })

  it('refuses to merge other classes', () => {
    expect(() => two().merge(new OpenSetMetrics({ classes: 2 }))).to.throw('metrics of the classes road, car')
  })
})
