// With the installed package this is 'densehybrid'.
import { type Random, random } from '../../lib/index.ts'

/** Points of the plane, 2×N: all x, then all y. */
export type Points = Float64Array

/** The toy problem: what is learned from, and what is tested. */
export interface ToyData {
  readonly train: { readonly inliers: Points; readonly labels: Uint8Array; readonly negatives: Points }
  readonly test: { readonly inliers: Points; readonly labels: Uint8Array; readonly anomalies: Points }
}

export const CLASSES = 3

/** The problem lies in [−EXTENT, EXTENT]². */
export const EXTENT = 3.5

const DEGREE = Math.PI / 180

/** A class is an arc of one ring: its middle and half its length as angles. The gaps between the arcs are narrow. */
const RADIUS = 2
const MIDDLES = [90, 210, 330].map((angle) => angle * DEGREE)
const HALF_LENGTH = 58 * DEGREE

/** Standard deviation of inliers across their arc. */
const NOISE = 0.12

/** Closer to an arc than this, a point is no anomaly. */
const MARGIN = 0.5

/** Training negatives lie left of this line, test anomalies on both sides. */
export const NEGATIVES_END = -0.5

/**
 * Three classes of inliers; negatives that cover the left part of the outside, as an auxiliary data set covers a part of
 * the world; and test anomalies from the whole outside.
 *
 * @param seed the same seed gives the same points
 */
export function toyData(seed: number): ToyData {
  return {
    train: { ...inliers(random(seed, 1), 900), negatives: outside(random(seed, 2), 300, NEGATIVES_END) },
    test: { ...inliers(random(seed, 3), 1500), anomalies: outside(random(seed, 4), 500, EXTENT) },
  }
}

function inliers(rng: Random, count: number): { inliers: Points; labels: Uint8Array } {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % CLASSES)
  const points = collect(count, (i) => {
    const angle = MIDDLES[labels[i]] + HALF_LENGTH * (2 * rng.uniform() - 1)
    const radius = RADIUS + NOISE * rng.normal()
    return [radius * Math.cos(angle), radius * Math.sin(angle)]
  })
  return { inliers: points, labels }
}

/** Uniform outside of the classes, with x < `end`. */
function outside(rng: Random, count: number, end: number): Points {
  return collect(count, () => {
    for (;;) {
      const [x, y] = [EXTENT * (2 * rng.uniform() - 1), EXTENT * (2 * rng.uniform() - 1)]
      if (x < end && MIDDLES.every((middle) => distanceToArc(x, y, middle) > MARGIN)) return [x, y]
    }
  })
}

function distanceToArc(x: number, y: number, middle: number): number {
  const radius = Math.hypot(x, y)
  // the angle between the point and the arc's middle, 0 … π
  const angle = Math.abs(Math.atan2(Math.sin(Math.atan2(y, x) - middle), Math.cos(Math.atan2(y, x) - middle)))
  const beyond = Math.max(0, angle - HALF_LENGTH)
  return Math.hypot(radius * Math.cos(beyond) - RADIUS, radius * Math.sin(beyond))
}

function collect(count: number, draw: (i: number) => readonly [number, number]): Points {
  const points = new Float64Array(2 * count)
  for (let i = 0; i < count; i++) {
    const [x, y] = draw(i)
    points[i] = x
    points[count + i] = y
  }
  return points
}
