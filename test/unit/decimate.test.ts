import { expect } from 'chai'
import fc from 'fast-check'
import { averagePrecision, type ThresholdCurve } from '../../lib/evaluation/curve.ts'
import { CURVE_COLUMNS, curveCsv, curveJson } from '../../lib/evaluation/curve-export.ts'
import { type CurvePoint, curvePoint, decimateCurve } from '../../lib/evaluation/decimate.ts'
import { thrown } from '../support/image-files.ts'

/** A curve from the anomalies and inliers at each score, highest first. */
function curveOf(groups: readonly (readonly [number, number])[]): ThresholdCurve {
  let positives = 0
  let negatives = 0
  const tp = Float64Array.from(groups, ([anomalies]) => (positives += anomalies))
  const fp = Float64Array.from(groups, ([, inliers]) => (negatives += inliers))
  const thresholds = Float32Array.from(groups, (_, i) => groups.length - i)
  return { thresholds, tp, fp, positives, negatives }
}

const group = fc
  .tuple(
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
  )
  .filter(([anomalies, inliers]) => anomalies + inliers > 0)
/** A curve with at least one pixel of each class. */
const curves = fc
  .array(group, { minLength: 1, maxLength: 80 })
  .map(curveOf)
  .filter(({ positives, negatives }) => positives > 0 && negatives > 0)
const bounds = fc.constantFrom(0, 1e-3, 0.01, 0.05, 0.2, 1)

type Point = readonly [fpr: number, tpr: number]

function rocOf(points: readonly CurvePoint[]): Point[] {
  return [[0, 0], ...points.map(({ fpr, tpr }): Point => [fpr, tpr])]
}

/** Distance in max norm from a point to a segment: a convex function of the place on it, least at one of its bends. */
function distanceToSegment([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const at = (t: number) => Math.max(Math.abs(ax + t * (bx - ax) - x), Math.abs(ay + t * (by - ay) - y))
  const [dx, dy] = [bx - ax, by - ay]
  const bends = [
    0,
    1,
    (x - ax) / dx,
    (y - ay) / dy,
    (x - ax - y + ay) / (dx - dy),
    (x - ax + y - ay) / (dx + dy),
  ]
  return Math.min(...bends.filter((t) => t >= 0 && t <= 1).map(at))
}

/** The largest distance from the line through `from`, sampled, to the line through `to`. */
function farthest(from: readonly Point[], to: readonly Point[]): number {
  let distance = 0
  for (let i = 1; i < from.length; i++) {
    for (let step = 0; step <= 4; step++) {
      const [[ax, ay], [bx, by]] = [from[i - 1], from[i]]
      const sample: Point = [ax + (step / 4) * (bx - ax), ay + (step / 4) * (by - ay)]
      const near = to.slice(1).map((end, j) => distanceToSegment(sample, to[j], end))
      distance = Math.max(distance, Math.min(...near))
    }
  }
  return distance
}

/** Precision of the step function at a recall of `found` anomalies. */
function precisionAt(points: readonly CurvePoint[], found: number): number {
  return points.find(({ tp }) => tp >= found)!.precision
}

const allPoints = (curve: ThresholdCurve) =>
  Array.from(curve.thresholds, (_, index) => curvePoint(curve, index))

describe('decimateCurve', () => {
  it('keeps the ends of a straight line, and corners', () => {
    const diagonal = decimateCurve(curveOf(Array.from({ length: 100 }, () => [2, 2])))
    expect(diagonal.indices).to.deep.equal([0, 99])
    expect(diagonal).to.include({ error: 0, fullLength: 100 })
    const steps: [number, number][] = [
      ...Array.from({ length: 10 }, (): [number, number] => [1, 0]),
      ...Array.from({ length: 10 }, (): [number, number] => [0, 1]),
    ]
    expect(decimateCurve(curveOf(steps)).indices).to.deep.equal([0, 9, 19])
  })

  it('gives the points with their counts and rates', () => {
    const { points } = decimateCurve(
      curveOf([
        [3, 1],
        [1, 3],
      ]),
    )
    expect(points).to.deep.equal([
      { threshold: 2, tp: 3, fp: 1, tpr: 0.75, fpr: 0.25, precision: 0.75 },
      { threshold: 1, tp: 4, fp: 4, tpr: 1, fpr: 1, precision: 0.5 },
    ])
  })

  it('is nowhere further from the full curves than it says, and says no more than the bound', () => {
    fc.assert(
      fc.property(curves, bounds, (curve, maximumError) => {
        const { points, indices, error, rocError, precisionError } = decimateCurve(curve, { maximumError })
        const full = allPoints(curve)
        expect(indices[0]).to.equal(0)
        expect(indices.at(-1)).to.equal(full.length - 1)
        expect(points).to.deep.equal(indices.map((index) => full[index]))
        expect(error)
          .to.equal(Math.max(rocError, precisionError))
          .and.to.be.at.most(maximumError + 1e-12)

        const [kept, whole] = [rocOf(points), rocOf(full)]
        expect(Math.max(farthest(whole, kept), farthest(kept, whole))).to.be.at.most(rocError + 1e-12)
        let worst = 0
        for (let found = 1; found <= curve.positives; found++) {
          worst = Math.max(worst, Math.abs(precisionAt(points, found) - precisionAt(full, found)))
        }
        expect(precisionError).to.be.closeTo(worst, 1e-12)
      }),
    )
  })

  it('measures the distance at the dropped point that is farthest off', () => {
    // (0.01, 0.01) – (1, 1) with (0.25, 0.75) between: moved by (+0.25, −0.25) it is on the line.
    const curve = curveOf([
      [1, 1],
      [74, 24],
      [25, 75],
    ])
    const { indices, rocError } = decimateCurve(curve, { maximumError: 1 })
    expect(indices).to.deep.equal([0, 2])
    const full = rocOf(allPoints(curve))
    const dropped = distanceToSegment(full[2], full[1], full[3])
    expect(rocError).to.be.closeTo(0.25, 1e-15).and.closeTo(dropped, 1e-15)
  })

  it('keeps AP within the bound', () => {
    fc.assert(
      fc.property(curves, bounds, (curve, maximumError) => {
        const { points, precisionError } = decimateCurve(curve, { maximumError })
        const part = {
          ...curve,
          tp: Float64Array.from(points, ({ tp }) => tp),
          fp: Float64Array.from(points, ({ fp }) => fp),
        }
        expect(Math.abs(averagePrecision(part) - averagePrecision(curve))).to.be.at.most(
          precisionError + 1e-12,
        )
      }),
    )
  })

  it('keeps no more than the points asked for, and reports what that costs', () => {
    fc.assert(
      fc.property(curves, fc.integer({ min: 2, max: 20 }), (curve, maximumPoints) => {
        const fewer = decimateCurve(curve, { maximumError: 0, maximumPoints })
        expect(fewer.points.length).to.be.at.most(maximumPoints)
        expect(fewer.indices.at(-1)).to.equal(curve.tp.length - 1)
        const [kept, whole] = [rocOf(fewer.points), rocOf(allPoints(curve))]
        expect(farthest(whole, kept)).to.be.at.most(fewer.rocError + 1e-12)
      }),
    )
  })

  it('makes few points of a million', () => {
    const groups = Array.from({ length: 1_000_000 }, (_, i): [number, number] => [
      Math.imul(i, 2654435761) % 1000 > -1000 + i / 600 ? 1 : 0,
      1,
    ])
    const { points, error } = decimateCurve(curveOf(groups))
    expect(points.length).to.be.below(2000)
    expect(error).to.be.above(0).and.at.most(1e-3)
  })

  it('is empty with a reason where a class is missing', () => {
    const cases: [[number, number][], RegExp][] = [
      [[], /no valid pixel/],
      [[[0, 3]], /no anomaly pixel/],
      [[[3, 0]], /no inlier pixel/],
    ]
    for (const [groups, reason] of cases) {
      const result = decimateCurve(curveOf(groups))
      expect(result).to.deep.include({ points: [], indices: [], error: 0 })
      expect(result.reason).to.match(reason)
    }
  })

  it('takes a curve of one point', () => {
    expect(decimateCurve(curveOf([[1, 1]])).indices).to.deep.equal([0])
  })

  it('names what is wrong', () => {
    const curve = curveOf([[1, 1]])
    const message = (action: () => unknown) => thrown(action, 'INVALID_ARGUMENT').message
    expect(message(() => decimateCurve(curve, { maximumError: -1 }))).to.contain('options.maximumError')
    expect(message(() => decimateCurve(curve, { maximumError: NaN }))).to.contain('options.maximumError')
    expect(message(() => decimateCurve(curve, { maximumPoints: 1 }))).to.contain('options.maximumPoints')
    expect(message(() => decimateCurve(curve, { maxPoints: 5 } as never))).to.contain('maxPoints')
    expect(message(() => decimateCurve(undefined as never))).to.contain('for curve')
    expect(message(() => decimateCurve({ ...curve, tp: new Float64Array(2) }))).to.contain('for curve')
    expect(message(() => decimateCurve({ ...curve, positives: 2 }))).to.contain('last point')
    expect(message(() => decimateCurve({ ...curve, positives: NaN }))).to.contain('last point')
  })
})

describe('export of a curve', () => {
  it('gives back every value from CSV and JSON', () => {
    fc.assert(
      fc.property(curves, (curve) => {
        const decimated = decimateCurve(curve, { maximumError: 0 })
        const [head, ...rows] = curveCsv(decimated.points).trimEnd().split('\n')
        expect(head).to.equal('threshold,tp,fp,tpr,fpr,precision')
        expect(rows.map((row) => row.split(',').map(Number))).to.deep.equal(
          decimated.points.map((point) => CURVE_COLUMNS.map((column) => point[column])),
        )
        const json = JSON.parse(curveJson(decimated))
        expect(json.fpr).to.deep.equal(decimated.points.map(({ fpr }) => fpr))
        expect(json).to.include({ error: decimated.error, fullLength: curve.tp.length })
      }),
    )
  })

  it('leaves rates empty whose class is missing', () => {
    const point = curvePoint(curveOf([[2, 0]]), 0)
    expect(curveCsv([point])).to.equal('threshold,tp,fp,tpr,fpr,precision\n1,2,0,1,,1\n')
    expect(curveCsv([])).to.equal('threshold,tp,fp,tpr,fpr,precision\n')
    expect(JSON.parse(curveJson(decimateCurve(curveOf([[2, 0]])))).reason).to.match(/no inlier/)
  })

  it('refuses more rows than a string holds', () => {
    function* endless() {
      const point = curvePoint(curveOf([[1, 1]]), 0)
      for (;;) yield point
    }
    expect(thrown(() => curveCsv(endless()), 'INVALID_ARGUMENT').hint).to.contain('decimateCurve')
  }).timeout(120_000)
})
