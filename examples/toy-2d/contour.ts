// The corners of a square of four neighbouring samples, in the order in which its edges connect them.
const CORNERS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
] as const

/**
 * Where a map crosses a level, by marching squares: straight pieces [x0, y0, x1, y1] in units of samples.
 *
 * @param map side×side
 */
export function contour(map: Float32Array, side: number, level: number): [number, number, number, number][] {
  const pieces: [number, number, number, number][] = []
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      const values = CORNERS.map(([x, y]) => map[(row + y) * side + column + x] - level)
      const crossings = CORNERS.flatMap(([x, y], a) => {
        const b = (a + 1) % 4
        if (values[a] < 0 === values[b] < 0) return []
        const part = values[a] / (values[a] - values[b])
        return [[column + x + part * (CORNERS[b][0] - x), row + y + part * (CORNERS[b][1] - y)]]
      })
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        pieces.push([crossings[i][0], crossings[i][1], crossings[i + 1][0], crossings[i + 1][1]])
      }
    }
  }
  return pieces
}
