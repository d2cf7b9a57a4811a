import type { ScoreName } from '../scores.ts'
import type { AnomalyResult } from './anomaly.ts'
import type { BootstrapResult } from './bootstrap.ts'
import type { Breakdown, BreakdownRow } from './breakdown.ts'
import type { ThresholdCurve } from './curve.ts'
import type { Interval } from './intervals.ts'
import type { OpenSetResult } from './open-set.ts'
import type { SweepPoint } from './open-set-sweep.ts'
import type { FprConvention } from './operating-point.ts'
import type { PairedDifference } from './paired-difference.ts'
import type { PassOptions } from './passes.ts'
import type { ImageAnomalyResult, ImageMeans } from './per-image.ts'
import type { BootstrapOptions } from './resampling-run.ts'
import type { BinnedPixelResult } from './smiyc/binned-pixel-metrics.ts'
import type { ComponentImage, ComponentResult, SmiycTrack } from './smiyc/component-metrics.ts'

/** Options of {@link evaluateImages}. */
export interface EvaluationOptions extends PassOptions {
  /** Calibrated elsewhere, by detector. A detector without one is calibrated on the evaluated images themselves. */
  readonly thresholds?: Partial<Readonly<Record<ScoreName, number>>>
  /** τ of the hybrid score that the open-set result is for. Default: its threshold at `tpr`. */
  readonly threshold?: number
  /** Known classes that do not occur. Default `skip`. */
  readonly absent?: 'skip' | 'zero'
  /** Also measure every image by itself, and the means over images. Default false. */
  readonly perImage?: boolean
  /** TPRs at which open-mIoU is measured, each in (0, 1): thresholds calibrated on the evaluated images. Default none. */
  readonly sweep?: readonly number[]
  /** The metrics of SegmentMeIfYouCan for a track, with the threshold of the best F1. Default none. */
  readonly smiyc?: SmiycTrack
  /** Intervals by resampling images, and differences of the other detectors from the first. Default none. */
  readonly bootstrap?: Pick<BootstrapOptions, 'resamples' | 'confidence' | 'seed'>
  /** Ways to split the pixels into groups that are measured by themselves. Default none. */
  readonly breakdowns?: readonly Breakdown[]
  /** Is given the exact curve of every detector once it is known, and its metrics; the curve is not kept. */
  readonly onCurve?: (
    detector: ScoreName,
    curve: ThresholdCurve,
    result: AnomalyResult,
  ) => void | Promise<void>
}

/** One detector, i.e. one of the scores. */
export interface DetectorResult extends AnomalyResult {
  readonly detector: ScoreName
  /** What is rejected with this score at its calibrated threshold; absent without class labels or without threshold. */
  readonly openSet?: OperatingResult
  /** Means over images under both treatments of images without anomaly; absent unless asked for. */
  readonly means?: { readonly withoutAnomalyAsZero: ImageMeans; readonly withoutAnomalySkipped: ImageMeans }
  /** Of AP, AUROC and FPR; absent unless asked for. */
  readonly intervals?: BootstrapResult
  /** The first detector less this one, on the same images; absent unless asked for, and for the first. */
  readonly difference?: PairedDifference
  /** The groups of all breakdowns; absent unless asked for. */
  readonly breakdowns?: readonly BreakdownRow[]
  /** By the rules of SegmentMeIfYouCan; absent unless asked for. */
  readonly smiyc?: SmiycResult
  /** Open-mIoU over TPR; absent unless asked for, and without class labels. */
  readonly sweep?: readonly OpenMIoUPoint[]
}

/** The leaderboard's metrics of SegmentMeIfYouCan. */
export interface SmiycResult {
  readonly track: SmiycTrack
  /** Binned, from float16 scores. */
  readonly pixels: BinnedPixelResult
  /** At the threshold of the best F1; absent where there is no anomaly pixel. */
  readonly components?: ComponentResult
  /** The components of every image; absent unless `perImage` is set. */
  readonly images?: readonly ComponentImage[]
}

/** Open-set segmentation at the threshold of one TPR. */
export interface OpenMIoUPoint
  extends Pick<SweepPoint, 'threshold' | 'tpr' | 'fpr' | 'openMIoU' | 'unknownIoU'> {
  /** The TPR that the threshold was calibrated for, by score ≥ threshold. */
  readonly targetTpr: number
  /** Open-IoU of every known class; NaN where absent. */
  readonly perClass: readonly number[]
}

/** Open-set segmentation at one threshold. */
export interface OperatingResult extends OpenSetResult {
  readonly detector: ScoreName
  /** Pixels with score > threshold are unknown. */
  readonly threshold: number
  /** `given`: from the caller; `self`: calibrated on the evaluated images, which favours the detector. */
  readonly thresholdFrom: 'given' | 'self'
  /** Of open-mIoU; absent unless asked for. */
  readonly openMIoUInterval?: Interval
}

/** One image by itself. */
export interface ImageResult extends ImageAnomalyResult {
  readonly detector: ScoreName
}

/** Everything measured on one set of images. */
export interface Evaluation {
  readonly data: string
  readonly images: number
  readonly classes: readonly string[]
  readonly convention: FprConvention
  readonly tpr: number
  readonly detectors: readonly DetectorResult[]
  /** mIoU of the closed-set prediction on pixels of known classes; absent without class labels. */
  readonly closedMIoU?: number
  /** Open-set segmentation with the hybrid score at τ; absent without class labels or without threshold. */
  readonly openSet?: OperatingResult
  readonly perImage?: readonly ImageResult[]
}
