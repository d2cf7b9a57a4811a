import { withCancel } from './binding/cancel.ts'
import { loadNative } from './binding/load.ts'
import type { NativeLossResult, NativeScoreResult, ScoreName } from './binding/native.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from './data/dataset.ts'
import { checkLabelValues } from './images.ts'
import { checkScores, checkSize, checkThreshold } from './scores.ts'
import type { Tensor } from './tensor.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, checkTensor, invalid } from './validate.ts'

/** Options of {@link hybridScore}. */
export interface HybridScoreOptions {
  /** Pixels with a hybrid score above it get label K. Default: closed-set labels. */
  readonly threshold?: number | null
  /** Default ['hybrid']. */
  readonly scores?: readonly ScoreName[]
  /** Convention of the bilinear upsampling. Default false. */
  readonly alignCorners?: boolean
  readonly signal?: AbortSignal
}

/**
 * Bilinear upsampling, anomaly scores and labels in one pass: s_H = ln P(d_out|x) − logsumexp s.
 *
 * @param logits N×K×h×w, K from 1 to 254
 * @param oodLogits N×2×h×w, index 0 = d_in, 1 = d_out
 * @param size [height, width] of the result
 * @returns labels N×H×W: argmax, or K where the hybrid score > threshold; scores N×H×W by name, larger = more anomalous
 * @throws DenseHybridError INVALID_ARGUMENT, ABORTED
 */
export async function hybridScore(
  logits: Tensor,
  oodLogits: Tensor,
  size: readonly [number, number],
  options: HybridScoreOptions = {},
): Promise<NativeScoreResult> {
  checkOptionNames('hybridScore', options, ['threshold', 'scores', 'alignCorners', 'signal'])
  checkTensor('logits', logits, Float32Array, 4)
  checkTensor('oodLogits', oodLogits, Float32Array, 4)
  checkLogitShapes(logits, oodLogits)
  const [height, width] = checkSize('size', size)
  const scores = checkScores(options.scores)
  const threshold = checkThreshold(options.threshold)
  const alignCorners = options.alignCorners ?? false
  return withCancel(options.signal, (cancel) =>
    loadNative().hybridScore(
      logits,
      oodLogits,
      { height, width, scores, alignCorners, ...(threshold === undefined ? {} : { threshold }) },
      cancel,
    ),
  )
}

/** Options of {@link hybridLoss}; the defaults are those of the authors' release. */
export interface HybridLossOptions {
  /** [height, width] of the labels; given, it must be theirs. */
  readonly size?: readonly [number, number]
  /** β_x. Default 0.03. */
  readonly betaX?: number
  /** β_d. Default 10 · betaX. */
  readonly betaD?: number
  /** Label of pixels that take no part in L_cls. Default 255. */
  readonly ignore?: number
  /** Label of pasted pixels. Default 254. */
  readonly negative?: number
  /**
   * Do ignore pixels count as d_in in L_d? Default 'inlier', as the authors do; {@link Trainer} defaults to 'exclude',
   * which is right where a held-out class hides under the ignore label.
   */
  readonly ignoreInDatasetPosterior?: 'inlier' | 'exclude'
  /** Shift the value (not the gradient) of L_x by the mean of all logits. Default true. */
  readonly meanLogitShift?: boolean
  /** Convention of the bilinear upsampling to the labels' size. Default false. */
  readonly alignCorners?: boolean
  readonly signal?: AbortSignal
}

const LOSS_OPTIONS = [
  'size',
  'betaX',
  'betaD',
  'ignore',
  'negative',
  'ignoreInDatasetPosterior',
  'meanLogitShift',
  'alignCorners',
  'signal',
]

/**
 * The training objective L = L_cls + β_x · L_x + β_d · L_d and its gradients. A term without pixels is 0.
 *
 * @param logits N×K×h×w, float32 or float64
 * @param oodLogits N×2×h×w of the same type, index 0 = d_in, 1 = d_out
 * @param labels N×H×W: 0 … K−1, `negative` or `ignore`; the logits are upsampled to H×W
 * @returns the terms (unweighted) and ∂L/∂logits, ∂L/∂oodLogits at the inputs' resolution
 * @throws DenseHybridError INVALID_ARGUMENT, ABORTED
 */
export async function hybridLoss<T extends Float32Array | Float64Array>(
  logits: Tensor<T>,
  oodLogits: Tensor<T>,
  labels: Tensor<Uint8Array> | Tensor<Int32Array>,
  options: HybridLossOptions = {},
): Promise<NativeLossResult> {
  checkOptionNames('hybridLoss', options, LOSS_OPTIONS)
  const arrayType = logits?.data instanceof Float64Array ? Float64Array : Float32Array
  checkTensor<Float32Array | Float64Array>('logits', logits, arrayType, 4)
  checkTensor<Float32Array | Float64Array>('oodLogits', oodLogits, arrayType, 4)
  const classes = checkLogitShapes(logits, oodLogits)
  const ignore = checkInteger('ignore', options.ignore ?? IGNORE_LABEL, classes, 255)
  const negative = checkInteger('negative', options.negative ?? UNKNOWN_LABEL, classes, 255)
  if (ignore === negative) throw invalid('negative', 'another value than ignore', negative)
  checkLossLabels(labels, logits.shape[0], options.size)
  checkLabelValues(labels.data, classes, [negative, ignore])
  const betaX = checkNumber('betaX', options.betaX ?? 0.03, 0)
  const loss = {
    betaX,
    betaD: checkNumber('betaD', options.betaD ?? 10 * betaX, 0),
    ignore,
    negative,
    ignoreInDatasetPosterior: checkOneOf(
      'ignoreInDatasetPosterior',
      options.ignoreInDatasetPosterior ?? 'inlier',
      ['inlier', 'exclude'],
    ),
    meanLogitShift: options.meanLogitShift ?? true,
    alignCorners: options.alignCorners ?? false,
  }
  return withCancel(options.signal, (cancel) =>
    loadNative().hybridLoss(logits, oodLogits, labels, loss, cancel),
  )
}

/** Checks N×K×h×w against N×2×h×w and returns K. */
function checkLogitShapes(
  logits: { shape: readonly number[] },
  oodLogits: { shape: readonly number[] },
): number {
  const [n, classes, height, width] = logits.shape
  if (n === 0 || height === 0 || width === 0)
    throw invalid('logits.shape', 'at least one pixel', logits.shape)
  checkInteger('logits.shape[1] (the number of classes)', classes, 1, 254)
  const expected = [n, 2, height, width]
  if (oodLogits.shape.some((extent, i) => extent !== expected[i])) {
    throw invalid('oodLogits.shape', expected.join('×'), oodLogits.shape)
  }
  return classes
}

function checkLossLabels(labels: unknown, images: number, size: unknown): void {
  const isInt32 = (labels as Tensor<Int32Array> | null)?.data instanceof Int32Array
  const { shape } = isInt32
    ? checkTensor('labels', labels, Int32Array, 3)
    : checkTensor('labels', labels, Uint8Array, 3)
  const [height, width] = size === undefined ? shape.slice(1) : checkSize('size', size)
  if (shape[0] !== images || shape[1] !== height || shape[2] !== width || height === 0 || width === 0) {
    throw invalid('labels.shape', `${images}×${height || 'H'}×${width || 'W'}`, shape)
  }
}
