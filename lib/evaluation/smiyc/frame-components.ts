import { type Box, type Components, connectedComponents } from '../connected-components.ts'

/** A component of the truth. */
export interface TruthComponent {
  /** Pixels. */
  readonly area: number
  readonly box: Box
  /** sIoU with the predicted components that touch it, in [0, 1]. */
  readonly sIoU: number
}

/** A predicted component. */
export interface PredictedComponent extends TruthComponent {
  /** Share of its pixels that are anomalies (positive predictive value), in [0, 1]. */
  readonly ppv: number
}

/** The components of one image. */
export interface FrameComponents {
  readonly truth: readonly TruthComponent[]
  readonly predicted: readonly PredictedComponent[]
}

/** Components smaller than this many pixels do not count. */
export interface SizeFilter {
  readonly minimumPredicted: number
  readonly minimumTruth: number
}

/**
 * The components of one image by SMIYC's rules, in this order: components of both maps on the whole image, small
 * predicted ones removed, small ones of the truth void. If fewer pixels than `minimumTruth` lie outside of all anomalies,
 * the official code takes these for a small component, too. Only then are void pixels taken out, so that a predicted
 * component may end up smaller than the minimum.
 *
 * All values come from one table of pixel counts, how often each pair of components meets.
 *
 * @param prediction H×W, 1 = predicted; void pixels are 0
 * @param target H×W: 1 anomaly, 0 inlier, other = void
 */
export function frameComponents(
  prediction: Uint8Array,
  target: Uint8Array,
  size: readonly [number, number],
  { minimumPredicted, minimumTruth }: SizeFilter,
): FrameComponents {
  const truth = connectedComponents(
    target.map((label) => (label === 1 ? 1 : 0)),
    size,
  )
  const predicted = connectedComponents(prediction, size)
  const isVoid = truth.areas.map((area) => area < minimumTruth)
  const isRemoved = predicted.areas.map((area) => area < minimumPredicted)
  const table = countMeetings(truth, predicted, target, isVoid, isRemoved)
  return { truth: truthComponents(truth, table), predicted: predictedComponents(predicted, table) }
}

/** Pixel counts of an image without its void. */
interface Meetings {
  /** Pixels of each component of the truth and of the prediction; [0] is meaningless. */
  readonly truthAreas: Float64Array
  readonly predictedAreas: Float64Array
  /** By component, the components of the other map that meet it, with the number of common pixels. */
  readonly ofTruth: readonly Map<number, number>[]
  readonly ofPredicted: readonly Map<number, number>[]
}

function countMeetings(
  truth: Components,
  predicted: Components,
  target: Uint8Array,
  isVoid: readonly boolean[],
  isRemoved: readonly boolean[],
): Meetings {
  const truthAreas = new Float64Array(truth.count + 1)
  const predictedAreas = new Float64Array(predicted.count + 1)
  const maps = (count: number) => Array.from({ length: count + 1 }, () => new Map<number, number>())
  const ofTruth = maps(truth.count)
  const ofPredicted = maps(predicted.count)
  const take = (t: number, p: number, pixels: number) => {
    truthAreas[t] += pixels
    predictedAreas[p] += pixels
    if (t === 0 || p === 0) return
    ofTruth[t].set(p, (ofTruth[t].get(p) ?? 0) + pixels)
    ofPredicted[p].set(t, (ofPredicted[p].get(t) ?? 0) + pixels)
  }
  // Neighbouring pixels mostly belong to the same pair: only a change touches the table.
  let [t, p, pixels] = [0, 0, 0]
  for (let i = 0; i < target.length; i++) {
    const nextT = truth.labels[i]
    if (target[i] > 1 || isVoid[nextT]) continue
    const label = predicted.labels[i]
    const nextP = isRemoved[label] ? 0 : label
    if (nextT !== t || nextP !== p) {
      take(t, p, pixels)
      t = nextT
      p = nextP
      pixels = 0
    }
    pixels++
  }
  take(t, p, pixels)
  return { truthAreas, predictedAreas, ofTruth, ofPredicted }
}

function truthComponents({ boxes, count }: Components, table: Meetings): TruthComponent[] {
  const sums = table.ofPredicted.map(sumOf)
  return numbers(count)
    .filter((k) => table.truthAreas[k] > 0)
    .map((k) => ({
      area: table.truthAreas[k],
      box: boxes[k],
      sIoU: sIoU(table.truthAreas[k], table.ofTruth[k], table.predictedAreas, sums),
    }))
}

function predictedComponents({ boxes, count }: Components, table: Meetings): PredictedComponent[] {
  const sums = table.ofTruth.map(sumOf)
  return numbers(count)
    .filter((q) => table.predictedAreas[q] > 0)
    .map((q) => ({
      area: table.predictedAreas[q],
      box: boxes[q],
      sIoU: sIoU(table.predictedAreas[q], table.ofPredicted[q], table.truthAreas, sums),
      ppv: sumOf(table.ofPredicted[q]) / table.predictedAreas[q],
    }))
}

/**
 * sIoU(k) = |k ∩ K| / (|k| + |K| − |k ∩ K| − |A|): K is the union of the other map's components that touch k, A what of
 * K lies in other components of k's own map. 0 where nothing touches k.
 *
 * @param otherSums by component of the other map, its pixels in components of k's own map
 */
function sIoU(
  area: number,
  touching: ReadonlyMap<number, number>,
  otherAreas: Float64Array,
  otherSums: readonly number[],
): number {
  const common = sumOf(touching)
  let union = 0
  let elsewhere = -common
  for (const other of touching.keys()) {
    union += otherAreas[other]
    elsewhere += otherSums[other]
  }
  return common / (area + union - common - elsewhere)
}

function sumOf(counts: ReadonlyMap<number, number>): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}
