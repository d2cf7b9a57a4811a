import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { DenseHybridError } from '../errors.ts'
import { invalid } from '../validate.ts'
import { AnomalyMetrics, type AnomalyResult } from './anomaly.ts'
import { connectedComponents } from './connected-components.ts'
import { firstIndex, type ThresholdConvention } from './operating-point.ts'
import { anomalyTarget } from './passes.ts'
import type { ScoredImage } from './scored-image.ts'

/** The part of an image that belongs to a group. */
export interface GroupTarget {
  readonly group: string
  /** H×W: 1 anomaly, 0 inlier, other values are left out. */
  readonly target: Uint8Array
}

/** A way to split the pixels of images into groups that are measured each by itself. */
export interface Breakdown {
  /** For tables and files, e.g. `scene`. */
  readonly name: string
  /** The groups, where they are known beforehand and have an order. */
  readonly groups?: readonly string[]
  /** An image may belong to several groups, with other pixels in each. */
  split(image: ScoredImage): Iterable<GroupTarget> | Promise<Iterable<GroupTarget>>
}

/** Inliers of one known class against all anomalies: which classes are taken for anomalies. */
export function byClass(classes: readonly string[]): Breakdown {
  return {
    name: 'class',
    groups: classes,
    split: ({ labels }) =>
      classes.map((group, k) => ({
        group,
        target: labels.map((label) => (label === UNKNOWN_LABEL ? 1 : label === k ? 0 : 2)),
      })),
  }
}

/**
 * The images of one scene: what stands before the first "_" of the name, folders left out.
 *
 * @param pattern instead: its first group in parentheses
 */
export function byScene(pattern = /([^/_]+)[^/]*$/): Breakdown {
  // With g or y a pattern remembers where it was.
  const once = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return {
    name: 'scene',
    split({ id, labels }) {
      const group = id.match(once)?.[1]
      if (group === undefined) {
        throw new DenseHybridError('INVALID_ARGUMENT', `The name ${JSON.stringify(id)} has no scene.`, {
          hint: `Scenes are what ${pattern} finds in the names of images.`,
        })
      }
      return [{ group, target: anomalyTarget(labels) }]
    },
  }
}

/**
 * The images that have one value in a column of a manifest.
 *
 * @param rows by image id
 * @throws INVALID_ARGUMENT, when it splits, for an image without a row or without the column
 */
export function byColumn(
  rows: ReadonlyMap<string, Readonly<Record<string, string>>>,
  column: string,
): Breakdown {
  return {
    name: column,
    split({ id, labels }) {
      const value = rows.get(id)?.[column]
      if (value === undefined) {
        const missing = rows.has(id) ? `no column ${JSON.stringify(column)}` : 'no row'
        throw new DenseHybridError(
          'INVALID_ARGUMENT',
          `The manifest has ${missing} for image ${JSON.stringify(id)}.`,
          {
            hint: 'Every evaluated image needs a row with its name in the column `image`.',
          },
        )
      }
      return [{ group: value, target: anomalyTarget(labels) }]
    },
  }
}

/**
 * Anomalous objects of a size, in pixels, against all inliers. Objects are 8-connected components of the truth.
 *
 * @param edges ascending; the last group has no end
 */
export function byObjectSize(edges: readonly number[] = [0, 100, 500, 2500, 10_000]): Breakdown {
  const groups = intervals('edges', edges, 'px')
  return {
    name: 'object size',
    groups,
    split({ labels, size }) {
      const objects = connectedComponents(
        labels.map((label) => (label === UNKNOWN_LABEL ? 1 : 0)),
        size,
      )
      const groupOf = objects.areas.map((area) => lastAtMost(edges, area))
      return groups.map((group, g) => ({
        group,
        target: labels.map((label, i) => {
          if (label === IGNORE_LABEL) return 2
          if (label !== UNKNOWN_LABEL) return 0
          return groupOf[objects.labels[i]] === g ? 1 : 2
        }),
      }))
    },
  }
}

/**
 * Pixels at a distance, anomalies and inliers alike; pixels without a distance (NaN, or 0 and below) belong to no group.
 *
 * @param distanceOf H×W metres of an image
 * @param edges ascending, in metres; pixels beyond the last are left out
 */
export function byDistance(
  distanceOf: (id: string) => Promise<Float32Array>,
  edges: readonly number[] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
): Breakdown {
  const groups = intervals('edges', edges, 'm').slice(0, -1)
  return {
    name: 'distance',
    groups,
    async split({ id, labels }) {
      const distance = await distanceOf(id)
      if (distance.length !== labels.length)
        throw invalid(`the distances of ${id}`, `${labels.length} values, one a pixel`, distance)
      const target = anomalyTarget(labels)
      return groups.map((group, g) => ({
        group,
        target: target.map((value, i) => {
          const metres = distance[i]
          return metres > 0 && metres >= edges[g] && metres < edges[g + 1] ? value : 2
        }),
      }))
    },
  }
}

/** One group of one breakdown. */
export interface BreakdownRow
  extends Pick<AnomalyResult, 'ap' | 'auroc' | 'fpr' | 'positives' | 'negatives' | 'reason'> {
  readonly breakdown: string
  readonly group: string
  /** Share of the group's inliers above the threshold of all images together, strictly, as a segmenter rejects. */
  readonly rejectedInliers: number
  /** Share of the group's anomalies above it. */
  readonly foundAnomalies: number
  readonly images: number
}

/** AP, AUROC and FPR of every group of a breakdown. Memory follows the distinct scores of each group. */
export class BreakdownMetrics {
  readonly breakdown: Breakdown
  readonly #settings: { readonly tpr: number; readonly convention: ThresholdConvention }
  readonly #groups = new Map<string, AnomalyMetrics>()

  constructor(
    breakdown: Breakdown,
    settings: { readonly tpr: number; readonly convention: ThresholdConvention },
  ) {
    this.breakdown = breakdown
    this.#settings = settings
    for (const group of breakdown.groups ?? []) this.#groups.set(group, new AnomalyMetrics(settings))
  }

  /** Adds the parts of an image, as `breakdown.split` gives them, with the scores of the image. */
  add(scores: Float32Array, parts: Iterable<GroupTarget>, imageName: string): void {
    for (const { group, target } of parts) {
      let metrics = this.#groups.get(group)
      if (metrics === undefined) {
        metrics = new AnomalyMetrics(this.#settings)
        this.#groups.set(group, metrics)
      }
      if (target.some((value) => value <= 1)) metrics.add(scores, target, imageName)
    }
  }

  /**
   * One row a group, in the order of the breakdown or of the names.
   *
   * @param threshold of all images together
   */
  rows(threshold: number): BreakdownRow[] {
    const names = [...this.#groups.keys()]
    if (this.breakdown.groups === undefined) names.sort()
    return names.map((group) => {
      const metrics = this.#groups.get(group)!
      const { ap, auroc, fpr, positives, negatives, images, reason } = metrics.result()
      const curve = metrics.curve()
      const above = firstIndex(curve.thresholds.length, (k) => !(curve.thresholds[k] > threshold)) - 1
      const known = !Number.isNaN(threshold)
      return {
        breakdown: this.breakdown.name,
        group,
        ap,
        auroc,
        fpr,
        rejectedInliers: known ? (above < 0 ? 0 : curve.fp[above]) / negatives : Number.NaN,
        foundAnomalies: known ? (above < 0 ? 0 : curve.tp[above]) / positives : Number.NaN,
        positives,
        negatives,
        images,
        ...(reason === undefined ? {} : { reason }),
      }
    })
  }
}

/** Names of the intervals between edges; the last one has no end. */
function intervals(name: string, edges: readonly number[], unit: string): string[] {
  const ascend = edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]))
  if (edges.length === 0 || !ascend) throw invalid(name, 'ascending numbers', edges)
  return edges.map((edge, i) =>
    i + 1 < edges.length ? `${edge}–${edges[i + 1]} ${unit}` : `${edge} ${unit} and more`,
  )
}

function lastAtMost(edges: readonly number[], value: number): number {
  return edges.findLastIndex((edge) => edge <= value)
}
