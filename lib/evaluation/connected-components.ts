import { invalid } from '../validate.ts'

/** Bounding box in pixels: inclusive top left, exclusive bottom right. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** The 8-connected components of a mask, numbered from 1 in the order of their first pixels, row by row. */
export interface Components {
  /** H×W: number of the component, 0 outside of all. */
  readonly labels: Int32Array
  readonly count: number
  /** Pixels by number; [0] counts the pixels outside. */
  readonly areas: readonly number[]
  /** By number; [0] is meaningless. */
  readonly boxes: readonly Box[]
}

/** A horizontal stretch of a mask, `from` … `to` − 1. */
interface Runs {
  readonly from: Int32Array
  readonly to: Int32Array
  /** First run of each row; one more at the end. */
  readonly rowStarts: Int32Array
}

/**
 * Labels the 8-connected components of a mask: one pass finds horizontal runs and unites those that touch in
 * neighbouring rows, one pass over the runs numbers and paints them.
 *
 * @param mask H×W, not 0 = inside
 * @param size [H, W]
 * @throws INVALID_ARGUMENT where they do not fit
 */
export function connectedComponents(
  mask: Uint8Array,
  [height, width]: readonly [number, number],
): Components {
  if (mask.length !== height * width) throw invalid('mask', `${height}×${width} values`, mask)
  const runs = findRuns(mask, height, width)
  const parents = uniteRuns(runs, height)
  const labels = new Int32Array(mask.length)
  const numbers = new Int32Array(parents.length)
  const areas = [mask.length]
  const boxes: { left: number; top: number; right: number; bottom: number }[] = [
    { left: 0, top: 0, right: 0, bottom: 0 },
  ]
  for (let y = 0; y < height; y++) {
    for (let run = runs.rowStarts[y]; run < runs.rowStarts[y + 1]; run++) {
      const root = find(parents, run)
      if (numbers[root] === 0) {
        numbers[root] = areas.length
        areas.push(0)
        boxes.push({ left: width, top: y, right: 0, bottom: y })
      }
      const number = numbers[root]
      const [from, to] = [runs.from[run], runs.to[run]]
      labels.fill(number, y * width + from, y * width + to)
      areas[number] += to - from
      areas[0] -= to - from
      const box = boxes[number]
      if (from < box.left) box.left = from
      if (to > box.right) box.right = to
      box.bottom = y + 1
    }
  }
  return { labels, count: areas.length - 1, areas, boxes }
}

function findRuns(mask: Uint8Array, height: number, width: number): Runs {
  const rowStarts = new Int32Array(height + 1)
  let count = 0
  for (let y = 0, at = 0; y < height; y++) {
    let before = 0
    for (let x = 0; x < width; x++, at++) {
      const inside = mask[at] === 0 ? 0 : 1
      count += inside & (before ^ 1)
      before = inside
    }
    rowStarts[y + 1] = count
  }
  const from = new Int32Array(count)
  const to = new Int32Array(count)
  for (let y = 0, run = 0; y < height; y++) {
    const row = y * width
    for (let x = 0; run < rowStarts[y + 1]; run++) {
      while (mask[row + x] === 0) x++
      from[run] = x
      while (x < width && mask[row + x] !== 0) x++
      to[run] = x
    }
  }
  return { from, to, rowStarts }
}

/** Parent of each run; a run that touches another one, also by a corner, has the same root. */
function uniteRuns({ from, to, rowStarts }: Runs, height: number): Int32Array {
  const parents = Int32Array.from(from, (_, run) => run)
  for (let y = 1; y < height; y++) {
    let above = rowStarts[y - 1]
    for (let run = rowStarts[y]; run < rowStarts[y + 1]; run++) {
      while (above < rowStarts[y] && to[above] < from[run]) above++
      for (let other = above; other < rowStarts[y] && from[other] <= to[run]; other++) {
        const [a, b] = [find(parents, run), find(parents, other)]
        parents[Math.max(a, b)] = Math.min(a, b)
      }
    }
  }
  return parents
}

function find(parents: Int32Array, run: number): number {
  let root = run
  while (parents[root] !== root) {
    parents[root] = parents[parents[root]]
    root = parents[root]
  }
  return root
}
