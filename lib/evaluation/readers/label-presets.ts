/**
 * What the values in the label files of benchmarks mean, in the notation of `parseLabelMapping`:
 *
 * - `smiyc` SegmentMeIfYouCan: AnomalyTrack, ObstacleTrack
 * - `road-anomaly` Road Anomaly as first released, where anomalies are 2
 * - `fishyscapes` Static, and Lost & Found in the Fishyscapes version
 * - `lost-and-found`, `lost-and-found-train-ids` labelIds and labelTrainIds of Lost and Found
 * - `streethazards` anomalies against the rest, `other` ignored, as DenseHybrid measures
 * - `streethazards-classes` the same with the 12 known classes
 * - `cityscapes` labelIds with the 19 known classes
 * - `camvid-ood` the split with anomalies of CamVid, 11 known classes
 */
export const LABEL_PRESETS = {
  smiyc: '0=inlier, 1=anomaly, 255=ignore',
  'road-anomaly': '0=inlier, 1..2=anomaly, 255=ignore',
  fishyscapes: '0=inlier, 1=anomaly, rest=ignore',
  'lost-and-found': '1=inlier, 2..200=anomaly, rest=ignore',
  'lost-and-found-train-ids': '1=inlier, 2=anomaly, 255=ignore',
  streethazards: '1..3=inlier, 4=ignore, 5..13=inlier, 14=anomaly',
  'streethazards-classes': '1..3=0..2, 4=ignore, 5..13=3..11, 14=anomaly',
  cityscapes: '7..8=0..1, 11..13=2..4, 17=5, 19..28=6..15, 31..33=16..18, 0..33=ignore, 255=ignore',
  'camvid-ood': '0..10=0..10, 11=ignore, 12=anomaly',
} as const

/** A layout of {@link LABEL_PRESETS}. */
export type LabelPreset = keyof typeof LABEL_PRESETS
