import { AnomalyMetrics, hybridScore, tensor } from '../../lib/index.ts'
import { EXTENT, type Points, type ToyData } from './data.ts'
import type { ToyModel } from './model.ts'

/** s_D = ln P(d_out|x), s_G = −logsumexp s, s_H = s_D + s_G; larger = more anomalous. */
export const DETECTORS = ['discriminative', 'generative', 'hybrid'] as const

/** Something for every detector. */
export type PerDetector<T> = Readonly<Record<(typeof DETECTORS)[number], T>>

/** How well a detector tells test anomalies from test inliers. */
export interface Quality {
  readonly ap: number
  readonly auroc: number
  /** False positive rate at a true positive rate of 95 %, and the score at which it is reached. */
  readonly fpr: number
  readonly threshold: number
}

/** The scores of N points. */
export async function scorePoints(model: ToyModel, points: Points): Promise<PerDetector<Float32Array>> {
  const { logits, oodLogits } = model.forward(points)
  const { scores } = await hybridScore(
    tensor(Float32Array.from(logits.data), logits.shape),
    tensor(Float32Array.from(oodLogits.data), oodLogits.shape),
    [1, points.length / 2],
    { scores: DETECTORS },
  )
  return perDetector((name) => scores[name].data)
}

/** The quality of the three detectors on the test points. */
export async function measure(model: ToyModel, { test }: ToyData): Promise<PerDetector<Quality>> {
  const inliers = await scorePoints(model, test.inliers)
  const anomalies = await scorePoints(model, test.anomalies)
  return perDetector((name) => {
    const metrics = new AnomalyMetrics()
      .add(inliers[name], new Uint8Array(inliers[name].length).fill(0))
      .add(anomalies[name], new Uint8Array(anomalies[name].length).fill(1))
    const { ap, auroc, fpr, threshold } = metrics.result()
    return { ap, auroc, fpr, threshold }
  })
}

/** The scores at the centres of side×side cells of the plane, top row first. */
export function scoreMaps(model: ToyModel, side: number): Promise<PerDetector<Float32Array>> {
  const cells = side * side
  const points = new Float64Array(2 * cells)
  const centre = (index: number) => EXTENT * ((2 * index + 1) / side - 1)
  for (let i = 0; i < cells; i++) {
    points[i] = centre(i % side)
    points[cells + i] = -centre(Math.floor(i / side))
  }
  return scorePoints(model, points)
}

/** Calls `make` for every detector. */
export function perDetector<T>(make: (name: (typeof DETECTORS)[number]) => T): PerDetector<T> {
  return {
    discriminative: make('discriminative'),
    generative: make('generative'),
    hybrid: make('hybrid'),
  }
}
