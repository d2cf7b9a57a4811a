import { DenseHybridError } from '../errors.ts'
import type { CurvePoint, DecimatedCurve } from './decimate.ts'

/** Columns of a curve's CSV, in this order. */
export const CURVE_COLUMNS = ['threshold', 'tp', 'fp', 'tpr', 'fpr', 'precision'] as const

/** Text of more rows would not fit a string. */
const MAXIMUM_ROWS = 2_000_000

/**
 * Points of a curve as CSV, one line a point below a line of names. Numbers have all their digits, so that reading
 * them gives the same values; a rate whose class is missing is empty. ROC is `tpr` over `fpr`, joined by straight
 * lines from (0, 0); PR is `precision` over `tpr`, where each point's precision holds from the recall before it.
 *
 * @throws INVALID_ARGUMENT for more than two million points
 */
export function curveCsv(points: Iterable<CurvePoint>): string {
  const lines: string[] = [CURVE_COLUMNS.join(',')]
  for (const point of points) {
    if (lines.length > MAXIMUM_ROWS) {
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `A CSV of a curve holds at most ${MAXIMUM_ROWS} points.`,
        {
          hint: 'Decimate the curve first: decimateCurve(curve, { maximumError: 1e-5 }).',
        },
      )
    }
    lines.push(CURVE_COLUMNS.map((column) => numberField(point[column])).join(','))
  }
  return `${lines.join('\n')}\n`
}

/** A decimated curve as JSON text: its columns as arrays, and how exact it is. Values that are not defined are null. */
export function curveJson({ points, indices: _, ...description }: DecimatedCurve): string {
  const columns = CURVE_COLUMNS.map((column) => [
    column,
    points.map((point) => (Number.isFinite(point[column]) ? point[column] : null)),
  ])
  return `${JSON.stringify({ ...description, ...Object.fromEntries(columns) })}\n`
}

function numberField(value: number): string {
  return Number.isFinite(value) ? String(value) : ''
}
