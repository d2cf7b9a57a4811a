import type { ScoreName } from '../scores.ts'
import { AnomalyMetrics } from './anomaly.ts'
import { BootstrapMetrics } from './bootstrap.ts'
import { BreakdownMetrics, type GroupTarget } from './breakdown.ts'
import { calibrateThreshold } from './calibrate.ts'
import type { ThresholdCurve } from './curve.ts'
import type { DetectorResult, EvaluationOptions, ImageResult } from './evaluation.ts'
import type { ThresholdConvention } from './operating-point.ts'
import { PerImageAnomalyMetrics } from './per-image.ts'
import type { ScoredImage } from './scored-image.ts'
import { BinnedPixelMetrics } from './smiyc/binned-pixel-metrics.ts'
import type { SmiycTrack } from './smiyc/component-metrics.ts'

/** Everything that one pass over the scores of a detector measures. */
export class DetectorMeasures {
  readonly detector: ScoreName
  readonly #settings: { readonly tpr: number; readonly convention: ThresholdConvention }
  readonly #metrics: AnomalyMetrics
  readonly #perImage: PerImageAnomalyMetrics | undefined
  /** Absent unless intervals are asked for. */
  readonly bootstrap: BootstrapMetrics | undefined
  readonly #breakdowns: readonly BreakdownMetrics[]
  readonly #smiyc: { readonly track: SmiycTrack; readonly pixels: BinnedPixelMetrics } | undefined

  constructor(
    detector: ScoreName,
    settings: { readonly tpr: number; readonly convention: ThresholdConvention },
    { perImage, smiyc, bootstrap, breakdowns = [] }: EvaluationOptions,
  ) {
    this.detector = detector
    this.#settings = settings
    this.#metrics = new AnomalyMetrics(settings)
    if (perImage) this.#perImage = new PerImageAnomalyMetrics(settings)
    this.#breakdowns = breakdowns.map((breakdown) => new BreakdownMetrics(breakdown, settings))
    if (bootstrap) this.bootstrap = new BootstrapMetrics(settings)
    if (smiyc) this.#smiyc = { track: smiyc, pixels: new BinnedPixelMetrics() }
  }

  /**
   * @param target 1 anomaly, 0 inlier, 2 left out
   * @param parts of the image, by breakdown
   */
  add({ id, scores }: ScoredImage, target: Uint8Array, parts: readonly (readonly GroupTarget[])[]): void {
    const score = scores[this.detector]
    this.#metrics.add(score, target, id)
    this.#perImage?.add(score, target, id)
    this.#smiyc?.pixels.add(score, target, id)
    this.bootstrap?.add(score, target, id)
    for (const [i, metrics] of this.#breakdowns.entries()) metrics.add(score, parts[i], id)
  }

  result(): Omit<DetectorResult, 'detector'> {
    const perImage = this.#perImage?.result()
    const result = this.#metrics.result()
    const breakdowns = this.#breakdowns.flatMap((metrics) => metrics.rows(result.threshold))
    return {
      ...result,
      ...(breakdowns.length > 0 && { breakdowns }),
      ...(perImage && {
        means: {
          withoutAnomalyAsZero: perImage.withoutAnomalyAsZero,
          withoutAnomalySkipped: perImage.withoutAnomalySkipped,
        },
      }),
      ...(this.#smiyc && { smiyc: { track: this.#smiyc.track, pixels: this.#smiyc.pixels.result() } }),
    }
  }

  images(): ImageResult[] {
    const { detector } = this
    return this.#perImage?.result().images.map((image) => ({ detector, ...image })) ?? []
  }

  curve(): ThresholdCurve {
    return this.#metrics.curve()
  }

  /** The thresholds of some TPRs; none where there is no anomaly pixel. */
  sweepThresholds(rates: readonly number[]): { tpr: number; threshold: number }[] {
    if (rates.length === 0 || this.#metrics.result().positives === 0) return []
    const { convention } = this.#settings
    const curve = this.curve()
    return rates.map((tpr) => ({ tpr, threshold: calibrateThreshold(curve, { tpr, convention }).threshold }))
  }
}
