import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../../lib/data/dataset.ts'
import { AnomalyMetrics } from '../../../lib/evaluation/anomaly.ts'
import { ConfusionMatrix } from '../../../lib/evaluation/confusion.ts'
import { halfLabels, halfScores } from '../../../lib/evaluation/half-scale.ts'
import { anomalyTarget } from '../../../lib/evaluation/passes.ts'
import { resizeBilinear } from '../../../lib/evaluation/resize-maps.ts'
import type { ScoredImage, ScoredImages } from '../../../lib/evaluation/scored-image.ts'
import { twoFoldOpenSet } from '../../../lib/evaluation/two-fold.ts'
import { roundToHalf } from '../../../lib/float16.ts'
import { readNpyLabels, readNpyScores } from '../../support/npy.ts'
import { type Expected, filesOf, Scalars } from './metrics-case.ts'

const CLASSES = Array.from({ length: 12 }, (_, k) => `class ${k}`)

/** Open-mIoU of StreetHazards by its two-fold protocol, closed mIoU, and the pooled metrics of both folds. */
export async function twoFoldChecks(folder: string, { result: want }: Expected): Promise<Scalars> {
  const checks = new Scalars(1e-12)
  const folds = ['t5', 't6'].map((city) => cityImages(folder, city))
  for (const [scale, block] of [
    [0.5, want['calibration_scale_0.5']],
    [1, want['calibration_scale_1.0']],
  ] as const) {
    const result = await twoFoldOpenSet(fold(folds[0], 't5'), fold(folds[1], 't6'), { scale })
    checks.close(`scale ${scale} open-mIoU`, result.openMIoU, block.open_miou_weighted)
    for (const { evaluatedOn, calibratedOn, images, calibration, openSet } of result.folds) {
      const reference = [block.official_print_name_t5, block.official_print_name_t6].find(
        ({ evaluated_on_images_of_city: city }) => city === evaluatedOn,
      )
      const what = `scale ${scale}, evaluated on ${evaluatedOn},`
      const isCalibrated = reference.calibrated_on_images_of_city === calibratedOn
      checks.exact(`${what} calibrated on the other fold`, Number(isCalibrated), 1)
      checks.exact(`${what} images`, images, reference.n_images_evaluated)
      checks.close(`${what} threshold`, calibration.threshold, reference.threshold, scale === 1 ? 0 : 2e-5)
      const known: number[][] = reference.confusion.slice(0, 13)
      checks.counts(
        `${what} confusion`,
        openSet.confusion,
        known.map((row) => row.slice(0, 13)),
      )
      openSet.perClass.forEach(({ open }, k) => {
        checks.close(`${what} Open-IoU ${k}`, open, reference.iou[k])
      })
      checks.close(`${what} open-mIoU`, openSet.openMIoU, reference.open_miou)
      checks.close(`${what} IoU of unknown`, openSet.unknownIoU, reference.anomaly_iou)
    }
  }
  const pooled = new AnomalyMetrics()
  const closed = new ConfusionMatrix(12, { ignore: [UNKNOWN_LABEL, IGNORE_LABEL] })
  for (const image of folds.flat()) {
    pooled.add(image.scores.hybrid, anomalyTarget(image.labels), image.id)
    closed.add(image.labels, image.closed!, image.id)
  }
  const { ap, auroc, fpr, positives, negatives } = pooled.result()
  checks.close('closed mIoU', closed.meanIoU(), want.closed.miou)
  checks.exact('positives', positives, want.pooled_anomaly.n_pos)
  checks.exact('negatives', negatives, want.pooled_anomaly.n_neg)
  checks.close('AP', ap, want.pooled_anomaly.AP)
  checks.close('AUROC', auroc, want.pooled_anomaly.AUROC)
  checks.close('FPR a', fpr, want.pooled_anomaly.FPR95_strict)
  return checks
}

/** The images of one city; raw 4 is ignored, 14 is the anomaly, 1 … 3 → 0 … 2, 5 … 13 → 3 … 11. */
function cityImages(folder: string, city: string): ScoredImage[] {
  const read = (kind: string) => filesOf(folder, new RegExp(`^${city}_img\\d+_${kind}\\.npy$`))
  const logits = read('logits')
  const scores = read('expected_score')
  return read('raw').map((path, i) => {
    const raw = readNpyLabels(path)
    return {
      id: `${city}-${i}`,
      size: [raw.shape[0], raw.shape[1]],
      labels: raw.data.map((id) =>
        id === 14 ? UNKNOWN_LABEL : id === 4 ? IGNORE_LABEL : id < 4 ? id - 1 : id - 2,
      ),
      closed: argmax(readNpyScores(logits[i]).data, CLASSES.length),
      scores: { hybrid: readNpyScores(scores[i]).data },
    }
  })
}

function fold(images: ScoredImage[], name: string): ScoredImages {
  return {
    name,
    classes: CLASSES,
    length: images.length,
    pixelsPerImage: async () => images[0].labels.length,
    async *read() {
      yield* images
    },
  }
}

/** Argmax over the first axis, the first of equals. */
function argmax(logits: Float32Array, classes: number): Uint8Array {
  const pixels = logits.length / classes
  return Uint8Array.from({ length: pixels }, (_, p) => {
    let best = 0
    for (let k = 1; k < classes; k++) if (logits[k * pixels + p] > logits[best * pixels + p]) best = k
    return best
  })
}

/** Half scale as calibration takes it, and the enlargement that SMIYC's runner does to narrower maps. */
export function resizeChecks(folder: string): Scalars {
  const checks = new Scalars(1e-6)
  const read = (pattern: RegExp) => filesOf(folder, pattern)
  const labels = read(/_label\.npy$/)
  const half = read(/_expected_half_bilinear\.npy$/)
  const nearest = read(/_expected_half_nearest\.npy$/)
  const enlarged = read(/_expected_cv2_linear_from_f16\.npy$/)
  read(/_score\.npy$/).forEach((path, image) => {
    const { data, shape } = readNpyScores(path)
    const size = [shape[0], shape[1]] as const
    const compare = (
      name: string,
      got: ArrayLike<number>,
      reference: ArrayLike<number>,
      tolerance: number,
    ) => {
      checks.exact(`${name} ${image} values`, got.length, reference.length)
      for (let i = 0; i < got.length; i++)
        checks.close(`${name} ${image}[${i}]`, got[i], reference[i], tolerance)
    }
    compare('half', halfScores(data, size), readNpyScores(half[image]).data, 1e-6)
    compare(
      'half labels',
      halfLabels(readNpyLabels(labels[image]).data, size),
      readNpyLabels(nearest[image]).data,
      0,
    )
    const want = readNpyScores(enlarged[image])
    const target = [want.shape[0], want.shape[1]] as const
    compare('enlarged', resizeBilinear(roundToHalf(data), size, target), want.data, 1e-5)
  })
  return checks
}
