// With the package installed: from 'densehybrid'.
import {
  AnomalyMetrics,
  hybridLoss,
  hybridScore,
  type NativeScoreResult,
  random,
  tensor,
  UNKNOWN_LABEL,
} from '../../lib/index.ts'
import { CLASSES, EXTENT, type Points, type ToyData } from './data.ts'
import { MultilayerPerceptron } from './mlp.ts'

/** The three scores of the hybrid model. */
export const DETECTORS = ['discriminative', 'generative', 'hybrid'] as const

/** One of {@link DETECTORS}. */
export type Detector = (typeof DETECTORS)[number]

const OUTPUTS = CLASSES + 2
const HIDDEN = 32
const FREQUENCY = 2
const INLIERS = 128
const NEGATIVES = 64
const LEARNING_RATE = 5e-3
/** Without it s_G has no bound: L_x falls for ever as the logits of inliers rise and those of negatives fall. */
const WEIGHT_DECAY = 3e-4
const [BETA_X, BETA_D] = [0.003, 0.3]

/**
 * Trains class logits and dataset-posterior logits of points with L = L_cls + β_x · L_x + β_d · L_d. A point is a pixel
 * to the loss, a batch an image of one row.
 */
export async function train(
  { train: { inliers, labels, negatives } }: ToyData,
  options: {
    seed: number
    steps: number
    onStep?: (step: number, loss: number) => void
    signal?: AbortSignal
  },
): Promise<MultilayerPerceptron> {
  const { seed, steps, onStep, signal } = options
  const rng = random(seed, 5)
  const model = new MultilayerPerceptron([2, HIDDEN, HIDDEN, OUTPUTS], rng, FREQUENCY)
  const batch = INLIERS + NEGATIVES
  const x = new Float64Array(2 * batch)
  const y = new Uint8Array(batch)
  for (let step = 1; step <= steps; step++) {
    for (let n = 0; n < batch; n++) {
      const [from, i] =
        n < INLIERS
          ? ([inliers, rng.integer(0, labels.length - 1)] as const)
          : ([negatives, rng.integer(0, negatives.length / 2 - 1)] as const)
      x.set(from.subarray(2 * i, 2 * i + 2), 2 * n)
      y[n] = n < INLIERS ? labels[i] : UNKNOWN_LABEL
    }
    const pass = model.forward(x, batch)
    const [logits, oodLogits] = split(pass.outputs.at(-1)!, batch)
    const loss = await hybridLoss(logits, oodLogits, tensor(y, [1, 1, batch]), {
      betaX: BETA_X,
      betaD: BETA_D,
      signal,
    })
    model.backward(pass, join(loss.gradLogits.data, loss.gradOodLogits.data, batch), batch)
    model.update(LEARNING_RATE * (1 - (step - 1) / steps), WEIGHT_DECAY)
    onStep?.(step, loss.total)
  }
  return model
}

/** Outputs of the perceptron, batch × (K + 2), as 1×K×1×batch and 1×2×1×batch. */
function split(outputs: Float64Array, batch: number) {
  const part = (from: number, count: number) => {
    const data = new Float64Array(count * batch)
    for (let k = 0; k < count; k++) {
      for (let n = 0; n < batch; n++) data[k * batch + n] = outputs[n * OUTPUTS + from + k]
    }
    return tensor(data, [1, count, 1, batch])
  }
  return [part(0, CLASSES), part(CLASSES, 2)] as const
}

/** The inverse of `split`. */
function join(logits: ArrayLike<number>, oodLogits: ArrayLike<number>, batch: number): Float64Array {
  const outputs = new Float64Array(batch * OUTPUTS)
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < CLASSES; k++) outputs[n * OUTPUTS + k] = logits[k * batch + n]
    for (let k = 0; k < 2; k++) outputs[n * OUTPUTS + CLASSES + k] = oodLogits[k * batch + n]
  }
  return outputs
}

/** s_D, s_G and s_H of points; larger = more anomalous. */
export async function scorePoints(
  model: MultilayerPerceptron,
  points: Points,
): Promise<NativeScoreResult['scores']> {
  const batch = points.length / 2
  const [logits, oodLogits] = split(model.forward(points, batch).outputs.at(-1)!, batch)
  const single = ({ data, shape }: { data: Float64Array; shape: readonly number[] }) =>
    tensor(Float32Array.from(data), [...shape])
  return (await hybridScore(single(logits), single(oodLogits), [1, batch], { scores: DETECTORS })).scores
}

/** What a detector reaches on the test points. */
export interface Measured {
  readonly ap: number
  readonly auroc: number
  /** FPR at a TPR of 95 %, and the threshold there. */
  readonly fpr: number
  readonly threshold: number
}

/** AP, AUROC and FPR95 of the three detectors. */
export async function measure(
  model: MultilayerPerceptron,
  { test: { inliers, anomalies } }: ToyData,
): Promise<Record<Detector, Measured>> {
  const [normal, unknown] = [await scorePoints(model, inliers), await scorePoints(model, anomalies)]
  const entries = DETECTORS.map((detector) => {
    const [a, b] = [normal[detector].data, unknown[detector].data]
    const metrics = new AnomalyMetrics()
    metrics.add(
      Float32Array.from([...a, ...b]),
      Uint8Array.from({ length: a.length + b.length }, (_, i) => (i < a.length ? 0 : 1)),
    )
    const { ap, auroc, fpr, threshold } = metrics.result()
    return [detector, { ap, auroc, fpr, threshold }]
  })
  return Object.fromEntries(entries)
}

/** The scores over the whole plane, `side`×`side`, top row first. */
export async function scoreMaps(
  model: MultilayerPerceptron,
  side: number,
): Promise<Record<Detector, Float32Array>> {
  const points = new Float64Array(2 * side * side)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const at = (index: number) => EXTENT * ((2 * index + 1) / side - 1)
      points.set([at(column), -at(row)], 2 * (row * side + column))
    }
  }
  const scores = await scorePoints(model, points)
  return Object.fromEntries(DETECTORS.map((name) => [name, scores[name].data])) as Record<
    Detector,
    Float32Array
  >
}
