import { mix } from './negatives/mix.ts'
import { real } from './negatives/real.ts'
import { synthetic } from './negatives/synthetic.ts'

export type {
  NativeArchitecture,
  NativeInfo,
  NativeLossResult,
  NativeScoreResult,
  NativeStepResult,
  Precision,
} from './binding/native.ts'
export type { SaveMetadata } from './checkpoint.ts'
export { type AlignedDataset, alignClasses } from './data/align-classes.ts'
export { type StreetHazardsFold, streetHazardsFold } from './data/catalogue/streethazards.ts'
export { type CheckOptions, checkDataset, type DatasetCheck } from './data/check.ts'
export { type Dataset, IGNORE_LABEL, type ItemSource, type Sample, UNKNOWN_LABEL } from './data/dataset.ts'
export { readImage, readLabelMap, writeImage, writeLabelMap } from './data/decode.ts'
export { listDatasets, type SchemeDescription } from './data/describe-schemes.ts'
export { type DatasetHash, hashDataset } from './data/hash.ts'
export { holdOut } from './data/hold-out.ts'
export { type Batch, DataLoader, type DataLoaderOptions, type EpochOptions } from './data/loader.ts'
export { type PastedNegativesOptions, withPastedNegatives } from './data/pasted.ts'
export { datasets, openDataset, openNegatives } from './data/registry.ts'
export { type ClassIndex, type ClassPlace, indexClasses } from './data/sampling/class-index.ts'
export { type ClassUniformOptions, classUniform } from './data/sampling/class-uniform.ts'
export { type MixedPart, mixed } from './data/sampling/mixed.ts'
export type { Drawn, Sampler } from './data/sampling/sampler.ts'
export {
  SCENE_CLASSES,
  type SceneNegativesOptions,
  type ScenesOptions,
  sceneNegatives,
} from './data/scenes/index.ts'
export { cached, concat, resized, subset } from './data/subset.ts'
export {
  DenseFlow,
  type FlowLikelihood,
  type FlowSample,
  type SampleOptions,
} from './dense-flow.ts'
export { DenseHybridError, type ErrorCode } from './errors.ts'
export {
  AnomalyMetrics,
  type AnomalyMetricsJson,
  type AnomalyMetricsOptions,
  type AnomalyResult,
} from './evaluation/anomaly.ts'
export type { BinBounds } from './evaluation/bin-bounds.ts'
export {
  BootstrapMetrics,
  type BootstrapMetricsOptions,
  type BootstrapResult,
} from './evaluation/bootstrap.ts'
export {
  BootstrapConfusion,
  type BootstrapConfusionOptions,
  type BootstrapConfusionResult,
} from './evaluation/bootstrap-confusion.ts'
export {
  type Breakdown,
  BreakdownMetrics,
  type BreakdownRow,
  byClass,
  byColumn,
  byDistance,
  byObjectSize,
  byScene,
} from './evaluation/breakdown.ts'
export { type Calibration, type CalibrationTarget, calibrateThreshold } from './evaluation/calibrate.ts'
export { type CalibrationOptions, calibrateImages } from './evaluation/calibrate-images.ts'
export { ConfusionMatrix, type ConfusionMatrixOptions, type ConfusionResult } from './evaluation/confusion.ts'
export { type Components, connectedComponents } from './evaluation/connected-components.ts'
export type { ThresholdCurve } from './evaluation/curve.ts'
export { curveCsv, curveJson } from './evaluation/curve-export.ts'
export { type CurvePoint, type DecimatedCurve, decimateCurve } from './evaluation/decimate.ts'
export { distanceFromDisparity, readCamera, readDisparity, type StereoCamera } from './evaluation/distance.ts'
export { evaluateImages } from './evaluation/evaluate-images.ts'
export { calibrateModel, evaluateModel } from './evaluation/evaluate-model.ts'
export { openScores, type ScoreFolders } from './evaluation/evaluate-scores.ts'
export type {
  DetectorResult,
  Evaluation,
  EvaluationOptions,
  ImageResult,
  OpenMIoUPoint,
  OperatingResult,
  SmiycResult,
} from './evaluation/evaluation.ts'
export { confusionCsv, evaluationCsv, evaluationJson } from './evaluation/export.ts'
export { type FishyscapesCurve, fishyscapesCurve } from './evaluation/fishyscapes-curve.ts'
export { type ScoreHistogram, scoreHistogram } from './evaluation/histogram.ts'
export { type Interval, type MeanInterval, meanInterval } from './evaluation/intervals.ts'
export { lostAndFoundDistance } from './evaluation/lost-and-found-distance.ts'
export { OpenSetMetrics, type OpenSetMetricsOptions, type OpenSetResult } from './evaluation/open-set.ts'
export { OpenSetSweep, type OpenSetSweepOptions, type SweepPoint } from './evaluation/open-set-sweep.ts'
export {
  FPR_CONVENTIONS,
  type FprConvention,
  type ThresholdConvention,
} from './evaluation/operating-point.ts'
export { type PairedDifference, pairedDifference } from './evaluation/paired-difference.ts'
export { type ImageMeans, PerImageAnomalyMetrics, type PerImageResult } from './evaluation/per-image.ts'
export { type ImageTable, readImageTable } from './evaluation/readers/image-table.ts'
export { type LabelMapping, parseLabelMapping, readLabelMapping } from './evaluation/readers/label-mapping.ts'
export { LABEL_PRESETS } from './evaluation/readers/label-presets.ts'
export { readScoreMap, type ScoreMapOptions } from './evaluation/readers/score-map.ts'
export type { BootstrapOptions } from './evaluation/resampling-run.ts'
export { resizeBilinear } from './evaluation/resize-maps.ts'
export type { ScoredImage, ScoredImages } from './evaluation/scored-image.ts'
export {
  BinnedPixelMetrics,
  type BinnedPixelMetricsOptions,
  type BinnedPixelResult,
} from './evaluation/smiyc/binned-pixel-metrics.ts'
export {
  ComponentMetrics,
  type ComponentMetricsOptions,
  type ComponentResult,
  SMIYC_TRACKS,
  type SmiycTrack,
} from './evaluation/smiyc/component-metrics.ts'
export {
  type FishyscapesImage,
  readFishyscapesSubmission,
  writeFishyscapesSubmission,
} from './evaluation/submission/fishyscapes.ts'
export { readSmiycSubmission, writeSmiycSubmission } from './evaluation/submission/smiyc.ts'
export { type TwoFoldOptions, type TwoFoldResult, twoFoldOpenSet } from './evaluation/two-fold.ts'
export type { FlowConfig } from './flow-checkpoint.ts'
export type { DenseFlowOptions } from './flow-settings.ts'
export { type HybridLossOptions, type HybridScoreOptions, hybridLoss, hybridScore } from './functional.ts'
export { type ModelProfile, type ProfileOptions, profileModel } from './model-profile.ts'
export type { SegmenterOptions } from './model-settings.ts'
export { type PasteOptions, pasteNegatives } from './negatives/pasting.ts'
export type { RealMode, RealNegativesOptions } from './negatives/real.ts'
export type { SyntheticNegativesOptions } from './negatives/synthetic.ts'
export type { FlowNegative, FlowWindow, Negative, NegativeSource, TargetSize } from './negatives/types.ts'
export type { Colour } from './palette.ts'
export { type Random, random } from './random.ts'
export {
  type Chart,
  classGapChart,
  componentChart,
  curveSeries,
  openMIoUChart,
  precisionRecallChart,
  renderChart,
  rocChart,
  scoreHistogramChart,
  writeChart,
} from './report/charts.ts'
export { EvaluationFigures } from './report/evaluation-figures.ts'
export { type OverlayOptions, renderOverlay } from './report/overlay.ts'
export { type PatchGridOptions, renderPatchGrid } from './report/patch-grid.ts'
export { architectures, info, setThreads } from './runtime.ts'
export { SCORE_NAMES, type ScoreName, type SegmentOptions } from './scores.ts'
export { type ScoreResult, Scorer } from './scoring/scorer.ts'
export { SCORE_FORMATS, type ScoreFormat, type ScorerOptions } from './scoring/scorer-options.ts'
export { Segmenter } from './segmenter.ts'
export { type Tensor, type TypedArray, tensor } from './tensor.ts'
export type { TorchScriptOptions, TorchScriptReport } from './torchscript.ts'
export type { FitOptions, TrainingLoader } from './training/fit-options.ts'
export type { FlowFitOptions, FlowProgress } from './training/flow-fit.ts'
export type { FlowTrainerOptions, ResolvedFlowTrainerOptions } from './training/flow-options.ts'
export type { FlowStepResult, FlowTrainingResult } from './training/flow-run.ts'
export { FlowTrainer } from './training/flow-trainer.ts'
export type { Objective, ResolvedTrainerOptions, TrainerOptions } from './training/options.ts'
export type { EpochRecord, Losses, TrainingProgress } from './training/progress.ts'
export type { TrainingResult } from './training/run.ts'
export { cosineLearningRate, type ScheduleName } from './training/schedule.ts'
export { type ResumeOptions, Trainer } from './training/trainer.ts'
export type { DataRecord, TrainingRecord } from './training/training-record.ts'
export { type ConvertOptions, type ConvertReport, convertWeights } from './weights/convert.ts'
export { type ImageNetFileOptions, imagenetFile } from './weights/fetch-weights.ts'
export type { ImageNetBackbone, ImageNetVersion } from './weights/imagenet-files.ts'
export type { Mismatch, WeightsReport } from './weights/load-weights.ts'

/** Sources of negatives. */
export const negatives = { real, synthetic, mix }
