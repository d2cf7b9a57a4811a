import { expect } from 'chai'
import fc from 'fast-check'
import { ConfusionMatrix } from '../../lib/evaluation/confusion.ts'

const labels = (...values: number[]) => new Uint8Array(values)

describe('ConfusionMatrix', () => {
  it('counts [target][prediction] and computes IoU by hand', () => {
    const matrix = new ConfusionMatrix(3).add(labels(0, 0, 0, 1, 1, 2), labels(0, 0, 1, 1, 2, 2))
    expect(matrix.result().matrix).to.deep.equal([
      [2, 1, 0],
      [0, 1, 1],
      [0, 0, 1],
    ])
    expect(matrix.iou()).to.deep.equal([2 / 3, 1 / 3, 1 / 2])
    expect(matrix.meanIoU()).to.equal((2 / 3 + 1 / 3 + 1 / 2) / 3)
    expect(matrix.result().pixels).to.equal(6)
  })

  it('counts the same for every length, alignment and type of array', () => {
    const label = fc.integer({ min: 0, max: 3 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(label, label), { maxLength: 50 }),
        fc.nat(3),
        fc.nat(3),
        (pixels, first, second) => {
          const target = pixels.map(([t]) => t)
          const prediction = pixels.map(([, p]) => p)
          const shifted = (values: number[], by: number) =>
            labels(...Array.from({ length: by }, () => 9), ...values).subarray(by)
          const bytes = new ConfusionMatrix(4).add(shifted(target, first), shifted(prediction, second))
          const words = new ConfusionMatrix(4).add(Int32Array.from(target), Int32Array.from(prediction))
          expect(bytes.toJSON()).to.deep.equal(words.toJSON())
        },
      ),
    )
  })

  it('is NaN for a class in neither map, 0 for one that is only predicted; the mean skips NaN only', () => {
    const matrix = new ConfusionMatrix(3).add(labels(0, 0), labels(0, 1))
    expect(matrix.iou()).to.deep.equal([0.5, 0, Number.NaN])
    expect(matrix.meanIoU()).to.equal(0.25)
    expect(new ConfusionMatrix(2).meanIoU()).to.be.NaN
  })

  it('leaves out row and column of an ignored class without destroying the counts', () => {
    const matrix = new ConfusionMatrix(3, { ignore: [2] })
    matrix.add(labels(0, 0, 2, 2), labels(0, 2, 1, 0))
    // Without row and column 2: one true positive of class 0, and nothing else.
    expect(matrix.iou()).to.deep.equal([1, Number.NaN, Number.NaN])
    expect(matrix.iou()).to.deep.equal(matrix.iou())
    expect(matrix.result().matrix[2]).to.deep.equal([1, 1, 0])
    matrix.add(labels(0), labels(1))
    expect(matrix.iou()).to.deep.equal([0.5, 0, Number.NaN])
  })

  it('skips pixels whose target is an ignore label of n or more, whatever is predicted there', () => {
    const matrix = new ConfusionMatrix(2, { ignore: [254, 255] })
    matrix.add(labels(0, 255, 254, 1), labels(0, 99, 1, 1))
    expect(matrix.iou()).to.deep.equal([1, 1])
    expect(matrix.result()).to.include({ pixels: 2, skipped: 2 })
  })

  it('refuses labels out of range by name, value, pixel and image, and keeps nothing of that image', () => {
    const matrix = new ConfusionMatrix(2, { ignore: 255 })
    expect(() => matrix.add(labels(0, 7), labels(0, 0), 'street-3')).to.throw(
      'Target 7 at pixel 1 of image "street-3" is out of range: expected 0 to 1, or ignore label 255.',
    )
    expect(() => matrix.add(labels(0, 1), labels(0, 2))).to.throw(
      /Prediction 2 at pixel 1 of image number 1 is out of range/,
    )
    expect(() => matrix.add(new Int32Array([-1]), new Int32Array([0]))).to.throw('Target -1 at pixel 0')
    expect(matrix.result().pixels).to.equal(0)
  })

  it('refuses differing sizes and other types', () => {
    const matrix = new ConfusionMatrix(2)
    expect(() => matrix.add(labels(0), labels(0, 1), 'a')).to.throw(
      'Sizes differ in image "a": target has 1 values, prediction has 2 values.',
    )
    const wide = { data: labels(0, 0), shape: [1, 2] }
    const tall = { data: labels(0, 0), shape: [2, 1] }
    expect(() => matrix.add(wide, tall)).to.throw('target has 1×2, prediction has 2×1')
    expect(() => matrix.add({ data: labels(0, 0), shape: [1, 1, 2] }, wide)).not.to.throw()
    expect(() => matrix.add({ data: labels(0), shape: [2, 2] }, labels(0))).to.throw('target.data')
    expect(() => matrix.add([0] as never, labels(0))).to.throw('Expected Uint8Array or')
    expect(() => new ConfusionMatrix(0)).to.throw('for n')
    expect(() => new ConfusionMatrix(2, { ingore: 1 } as never)).to.throw(/Unknown option "ingore"/)
  })

  it('merges and survives JSON as if all images had been added at once', () => {
    const pixels = fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 255), fc.integer({ min: 0, max: 3 })))
    fc.assert(
      fc.property(pixels, pixels, (first, second) => {
        const build = (pairs: [number, number][]) =>
          new ConfusionMatrix(4, { ignore: [3, 255] }).add(
            labels(...pairs.map(([target]) => target)),
            labels(...pairs.map(([, prediction]) => prediction)),
          )
        const merged = build(first).merge(ConfusionMatrix.fromJSON(JSON.parse(JSON.stringify(build(second)))))
        expect(merged.result()).to.deep.equal(build([...first, ...second]).result())
      }),
    )
  })

  it('refuses to merge other classes, and damaged JSON', () => {
    const matrix = new ConfusionMatrix(2)
    expect(() => matrix.merge(new ConfusionMatrix(3))).to.throw('a matrix of 2 classes')
    expect(() => matrix.merge(new ConfusionMatrix(2, { ignore: 1 }))).to.throw('ignores [1]')
    expect(() => matrix.merge(matrix)).to.throw('another ConfusionMatrix')
    const json = matrix.toJSON()
    expect(() => ConfusionMatrix.fromJSON({ ...json, counts: [1] })).to.throw('json.counts')
    expect(() => ConfusionMatrix.fromJSON({ ...json, counts: [1, 2, 3, -4] })).to.throw('json.counts[3]')
    expect(() => ConfusionMatrix.fromJSON({ type: 'Other' } as never)).to.throw('toJSON()')
  })
})
