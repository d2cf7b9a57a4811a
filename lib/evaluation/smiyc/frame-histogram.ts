import { bitsOfScores, keyFromBits, scoresFromKeys, sortKeys } from '../score-keys.ts'

/** Anomaly and inlier pixels of one image in bins, the highest scores first. */
export interface FrameHistogram {
  /** Lower edge of each bin, descending. */
  readonly thresholds: readonly number[]
  readonly positives: readonly number[]
  readonly negatives: readonly number[]
}

/** At most as many quantiles of each class become edges. */
const QUANTILES = 384
/** The range of the uniform bins, which fits probabilities, and their number. */
export const UNIFORM_RANGE = [-0.01, 1.01] as const
const UNIFORM_BINS = 4096

/**
 * The histogram of one image by the rules of SegmentMeIfYouCan: the edges are the quantiles of both classes, so that
 * the bins follow the scores of this image, and one edge beyond either end; or uniform bins.
 *
 * @param positives finite scores of anomaly pixels
 * @param negatives finite scores of inlier pixels; at least one of both lists has pixels
 */
export function frameHistogram(
  positives: Float32Array,
  negatives: Float32Array,
  bins: 'adaptive' | 'uniform',
): FrameHistogram {
  const sortedPositives = sorted(positives)
  const sortedNegatives = sorted(negatives)
  const edges = bins === 'uniform' ? uniformEdges() : adaptiveEdges(sortedPositives, sortedNegatives)
  return {
    thresholds: edges.slice(0, -1).reverse(),
    positives: countBins(sortedPositives, edges).reverse(),
    negatives: countBins(sortedNegatives, edges).reverse(),
  }
}

function sorted(scores: Float32Array): Float32Array {
  const bits = bitsOfScores(scores)
  return scoresFromKeys(sortKeys(bits.map(keyFromBits)))
}

function adaptiveEdges(positives: Float32Array, negatives: Float32Array): number[] {
  const ends = [positives, negatives].filter((scores) => scores.length > 0)
  const min = Math.min(...ends.map((scores) => scores[0]))
  const max = Math.max(...ends.map((scores) => scores[scores.length - 1]))
  const margin = Math.max(0.01 * (max - min), 0.01)
  const edges = [min - margin, max + margin, ...quantiles(positives), ...quantiles(negatives)]
  return [...new Set(edges.sort((a, b) => a - b))]
}

function uniformEdges(): number[] {
  return linspace(UNIFORM_RANGE[0], UNIFORM_RANGE[1], UNIFORM_BINS + 1)
}

/** Evenly spaced quantiles of sorted scores, interpolated linearly and rounded as NumPy does. */
function quantiles(scores: Float32Array): number[] {
  return linspace(0, 1, Math.min(QUANTILES, scores.length)).map((q) => {
    const place = q * (scores.length - 1)
    const below = Math.floor(place)
    const t = place - below
    const a = scores[below]
    const b = scores[Math.min(below + 1, scores.length - 1)]
    return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t
  })
}

function linspace(from: number, to: number, count: number): number[] {
  const step = (to - from) / (count - 1)
  return Array.from({ length: count }, (_, i) =>
    i > 0 && i === count - 1 ? to : from + (i === 0 ? 0 : i * step),
  )
}

/** How many of the sorted scores lie in [edge, next edge); the last bin holds its upper edge, too. */
function countBins(scores: Float32Array, edges: readonly number[]): number[] {
  const counts: number[] = []
  let at = 0
  while (at < scores.length && scores[at] < edges[0]) at++
  for (let bin = 0; bin + 1 < edges.length; bin++) {
    const start = at
    const isLast = bin + 2 === edges.length
    while (at < scores.length && (scores[at] < edges[bin + 1] || (isLast && scores[at] === edges[bin + 1])))
      at++
    counts.push(at - start)
  }
  return counts
}
