/** A scale that gives every detector its colour, in the order of the legend. */
export function colourScale(drawn: readonly { readonly label: string; readonly colour: string }[]) {
  return { domain: drawn.map(({ label }) => label), range: drawn.map(({ colour }) => colour) }
}

/** The legend of lines: one stroke a detector, beside the plot. */
export function lineLegend(title: string) {
  return { title, orient: 'right' as const, symbolType: 'stroke' as const, symbolStrokeWidth: 3 }
}

/** Highest value first; undefined values last. */
export function byValue<T>(list: readonly T[], value: (entry: T) => number): T[] {
  const key = (entry: T) => (Number.isFinite(value(entry)) ? value(entry) : -Infinity)
  return [...list].sort((a, b) => (key(a) === key(b) ? 0 : key(b) - key(a)))
}

/** A ring on a line: an operating point. */
export const POINT_MARK = {
  type: 'point',
  shape: 'circle',
  filled: false,
  fill: '#ffffff',
  size: 64,
  strokeWidth: 2.25,
  opacity: 1,
} as const

/** A line that data are compared with: chance, a target. */
export const DASHED_MARK = {
  type: 'line',
  strokeDash: [5, 4] as number[],
  strokeWidth: 1.25,
  interpolate: 'linear',
} as const

/** A line of data. */
export const LINE_MARK = { type: 'line', strokeWidth: 2, strokeJoin: 'round' } as const
