import type { ScoreName } from '../scores.ts'
import { AnomalyMetrics } from './anomaly.ts'
import { calibrateThreshold } from './calibrate.ts'
import type { ThresholdCurve } from './curve.ts'
import type { DetectorResult, EvaluationOptions, ImageResult } from './evaluation.ts'
import type { ThresholdConvention } from './operating-point.ts'
import { PerImageAnomalyMetrics } from './per-image.ts'
import type { ScoredImage } from './scored-image.ts'

/** Everything that one pass over the scores of a detector measures. */
export class DetectorMeasures {
  readonly detector: ScoreName
  readonly #settings: { readonly tpr: number; readonly convention: ThresholdConvention }
  readonly #metrics: AnomalyMetrics
  readonly #perImage: PerImageAnomalyMetrics | undefined

  constructor(
    detector: ScoreName,
    settings: { readonly tpr: number; readonly convention: ThresholdConvention },
    { perImage }: EvaluationOptions,
  ) {
    this.detector = detector
    this.#settings = settings
    this.#metrics = new AnomalyMetrics(settings)
    if (perImage) this.#perImage = new PerImageAnomalyMetrics(settings)
  }

  /** @param target 1 anomaly, 0 inlier, 2 left out */
  add({ id, scores }: ScoredImage, target: Uint8Array): void {
    const score = scores[this.detector]
    this.#metrics.add(score, target, id)
    this.#perImage?.add(score, target, id)
  }

  result(): Omit<DetectorResult, 'detector'> {
    const perImage = this.#perImage?.result()
    return {
      ...this.#metrics.result(),
      ...(perImage && {
        means: {
          withoutAnomalyAsZero: perImage.withoutAnomalyAsZero,
          withoutAnomalySkipped: perImage.withoutAnomalySkipped,
        },
      }),
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
