// With the package installed: from 'densehybrid'.
import { type Random, random } from '../../lib/index.ts'

/** Points of the plane, x0, y0, x1, y1, …; N×2. */
export type Points = Float64Array

/** The toy problem: what is learned from, and what is tested. */
export interface ToyData {
  readonly train: { readonly inliers: Points; readonly labels: Uint8Array; readonly negatives: Points }
  readonly test: { readonly inliers: Points; readonly anomalies: Points }
}

/** K */
export const CLASSES = 3

/** The problem lies in [−EXTENT, EXTENT]². */
export const EXTENT = 2.8

// The classes share a ring: each is an arc, its ends overlap with its neighbours', noise is normal across it.
const RADIUS = 1.5
const NOISE = 0.12
const SPAN = (124 / 180) * Math.PI

/** Closer to the ring than this, a point is no anomaly. */
const MARGIN = 0.35

/**
 * Inliers of three classes; negatives that leave out the right of the outside and the upper half of the hole; test
 * anomalies from everywhere.
 *
 * @param seed the same seed gives the same points
 */
export function toyData(seed: number): ToyData {
  const train = inliers(random(seed, 1), 900)
  return {
    train: { ...train, negatives: outliers(random(seed, 2), 300, isCovered) },
    test: {
      inliers: inliers(random(seed, 3), 1500).inliers,
      anomalies: outliers(random(seed, 4), 500, () => true),
    },
  }
}

/** Is (x, y) in the region of the training negatives? */
function isCovered(x: number, y: number): boolean {
  return Math.hypot(x, y) > RADIUS ? x < 1.2 : y < 0
}

function inliers(rng: Random, count: number): { inliers: Points; labels: Uint8Array } {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % CLASSES)
  const points = collect(count, (i) => {
    const angle = Math.PI / 2 + (2 * Math.PI * labels[i]) / CLASSES + SPAN * (rng.uniform() - 0.5)
    const radius = RADIUS + NOISE * rng.normal()
    return [radius * Math.cos(angle), radius * Math.sin(angle)]
  })
  return { inliers: points, labels }
}

function outliers(rng: Random, count: number, isWanted: (x: number, y: number) => boolean): Points {
  const coordinate = () => EXTENT * (2 * rng.uniform() - 1)
  return collect(count, () => {
    for (;;) {
      const [x, y] = [coordinate(), coordinate()]
      if (isWanted(x, y) && Math.abs(Math.hypot(x, y) - RADIUS) > MARGIN) return [x, y]
    }
  })
}

function collect(count: number, draw: (i: number) => readonly [number, number]): Points {
  const points = new Float64Array(2 * count)
  for (let i = 0; i < count; i++) points.set(draw(i), 2 * i)
  return points
}
