import { expect } from 'chai'
import { halfLabels, halfScores, halfSize } from '../../lib/evaluation/half-scale.ts'
import type { ScoredImage, ScoredImages } from '../../lib/evaluation/scored-image.ts'
import { type TwoFoldOptions, twoFoldOpenSet } from '../../lib/evaluation/two-fold.ts'

/** One 2×2 image of two classes. */
function imageOf(id: string, labels: number[], closed: number[], scores: number[]): ScoredImage {
  return {
    id,
    size: [2, 2],
    labels: Uint8Array.from(labels),
    closed: Uint8Array.from(closed),
    scores: { hybrid: Float32Array.from(scores) },
  }
}

function fold(name: string, images: ScoredImage[], classes = ['road', 'car']): ScoredImages {
  return {
    name,
    classes,
    length: images.length,
    pixelsPerImage: async () => 4,
    async *read() {
      yield* images
    },
  }
}

const A = fold('A', [imageOf('a', [254, 0, 0, 1], [0, 0, 0, 1], [5, 1, 1, 6])])
const B = fold('B', [
  imageOf('b1', [254, 254, 0, 1], [0, 0, 0, 1], [4, 2, 1, 3]),
  imageOf('b2', [0, 0, 1, 1], [0, 0, 1, 1], [0, 4.5, 7, 0]),
])

const WITHOUT_CLOSED: ScoredImage = {
  ...imageOf('c', [254, 0, 0, 1], [0, 0, 0, 0], [1, 2, 3, 4]),
  closed: undefined,
}

describe('half scale', () => {
  it('takes means of 2×2 scores and the first of 2×2 labels; an odd last row and column fall away', () => {
    const values = [1, 2, 3, 4, 9, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9]
    expect(halfSize([3, 5])).to.deep.equal([1, 2])
    expect([...halfScores(Float32Array.from(values), [3, 5])]).to.deep.equal([3.5, 5.5])
    expect([...halfLabels(Uint8Array.from(values), [3, 5])]).to.deep.equal([1, 3])
    expect(halfScores(new Float32Array(3), [3, 1])).to.have.length(0)
    expect(() => halfLabels(new Uint8Array(3), [2, 2])).to.throw('4 values (2×2) for labels')
  })
})

describe('twoFoldOpenSet', () => {
  it('evaluates each fold at the threshold of the other and weights by images', async () => {
    const progress: number[] = []
    const { folds, openMIoU } = await twoFoldOpenSet(A, B, {
      scale: 1,
      onProgress: ({ done, total }) => progress.push(done / total),
    })
    expect(folds.map((f) => [f.evaluatedOn, f.images, f.calibratedOn, f.calibrationImages])).to.deep.equal([
      ['A', 1, 'B', 2],
      ['B', 2, 'A', 1],
    ])
    expect(folds.map(({ calibration }) => calibration.threshold)).to.deep.equal([2, 5])
    // A at 2: road 2/2, car 0/1 (rejected). B at 5: road 3/(3+2 unknown), car 2/3 with one rejected.
    expect(folds[0].openSet.openMIoU).to.equal((1 + 0) / 2)
    expect(folds[1].openSet.openMIoU).to.equal((3 / 5 + 2 / 3) / 2)
    expect(openMIoU).to.be.closeTo((0.5 + 2 * ((3 / 5 + 2 / 3) / 2)) / 3, 1e-15)
    expect(progress).to.deep.equal([1, 2, 3, 4, 5, 6].map((done) => done / 6))
  })

  it('calibrates at half the scale unless told otherwise', async () => {
    const { folds, scale } = await twoFoldOpenSet(A, B)
    expect(scale).to.equal(0.5)
    expect(folds.map(({ calibration }) => calibration.threshold)).to.deep.equal([2.5, 3.25])
  })

  it('refuses what is wrong and names it', async () => {
    const failure = async (a: ScoredImages, b: ScoredImages, options: object = {}) =>
      twoFoldOpenSet(a, b, options as TwoFoldOptions).then(
        () => undefined,
        (error) => error,
      )
    expect((await failure(A, A)).message).to.include('foldB')
    expect((await failure(A, fold('C', []))).message).to.include('C has no images')
    expect((await failure(A, fold('C', [], []))).code).to.equal('EMPTY')
    expect((await failure(fold('C', [WITHOUT_CLOSED], ['x']), B)).message).to.include('foldB.classes')
    const clean = fold('clean', [imageOf('c', [0, 0, 1, 1], [0, 0, 0, 0], [1, 2, 3, 4])])
    expect(await failure(A, clean)).to.include({ code: 'EMPTY' })
    expect((await failure(A, fold('C', [WITHOUT_CLOSED]))).message).to.include('closed of image "c"')
    expect((await failure(A, B, { scale: 0.25 })).message).to.include('options.scale')
    expect((await failure(A, B, { convention: 'd' })).message).to.include('a, b, c, e or f')
    expect((await failure(A, B, { detectors: [] })).hint).to.include('Did you mean detector?')
    const nan = fold('C', [imageOf('n', [254, 0, 0, 1], [0, 0, 0, 1], [5, 1, Number.NaN, 6])])
    expect(await failure(A, nan)).to.include({ code: 'NON_FINITE' })
    expect(await failure(A, B, { signal: AbortSignal.abort() })).to.include({ code: 'ABORTED' })
  })
})
