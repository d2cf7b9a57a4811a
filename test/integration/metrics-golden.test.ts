import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { calibrateThreshold } from '../../lib/evaluation/calibrate.ts'
import { ConfusionMatrix } from '../../lib/evaluation/confusion.ts'
import { OpenSetMetrics } from '../../lib/evaluation/open-set.ts'
import type { FprConvention } from '../../lib/evaluation/operating-point.ts'

const folder = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'golden', 'metrics')
const TOLERANCE = 1e-12

// biome-ignore lint/suspicious/noExplicitAny: the reference values are JSON of many forms
type Expected = any

/** Cases whose name starts with `prefix`. */
function cases(prefix: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter(
    (name) => name.startsWith(prefix) && existsSync(join(folder, name, 'expected.json')),
  )
}

function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8'))
}

/** Files of a case that match `pattern`, in order. */
function files(name: string, pattern: RegExp): string[] {
  return readdirSync(join(folder, name))
    .filter((file) => pattern.test(file))
    .sort()
    .map((file) => join(folder, name, file))
}

function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Reads a .npy file: uint8, float32, or float16 widened to float32; C order. */
function readNpy(path: string): { data: Uint8Array | Float32Array; shape: number[] } {
  const file = readFileSync(path)
  const start = 10 + file.readUInt16LE(8)
  const header = file.toString('latin1', 10, start)
  const type = /'descr': '(.*?)'/.exec(header)?.[1]
  const shape = (/'shape': \((.*?)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((e) => e.trim() !== '')
    .map(Number)
  expect(header).to.contain("'fortran_order': False")
  const bytes = new Uint8Array(file.subarray(start)).buffer
  if (type === '|u1') return { data: new Uint8Array(bytes), shape }
  if (type === '<f4') return { data: new Float32Array(bytes), shape }
  if (type === '<f2') return { data: Float32Array.from(new Uint16Array(bytes), halfToNumber), shape }
  throw new Error(`${path}: unexpected dtype ${type}`)
}

const readLabels = (path: string) => readNpy(path) as { data: Uint8Array; shape: number[] }
const readScores = (path: string) => readNpy(path) as { data: Float32Array; shape: number[] }

/** Compares within the tolerance; "nan" stands for NaN. */
function close(what: string, got: number, want: number | string): void {
  if (want === 'nan') expect(got, what).to.be.NaN
  else expect(got, what).to.be.closeTo(want as number, TOLERANCE)
}

/** Compares thresholds, which are scores of the data and so exact. */
function same(what: string, got: number, want: number): void {
  expect(got, what).to.equal(want)
}

/** Metrics of one set of pixels against one block of reference values. */
function checkPixelMetrics(what: string, base: AnomalyMetrics, want: Expected): void {
  const resultOf = (convention: FprConvention) => {
    const metrics = AnomalyMetrics.fromJSON({ ...base.toJSON(), convention })
    return metrics.result()
  }
  const a = resultOf('a')
  same(`${what} positives`, a.positives, want.n_pos)
  same(`${what} negatives`, a.negatives, want.n_neg)
  if (a.positives === 0) {
    // scikit-learn calls AP 0 here, or fails; this package calls every rate undefined and says why.
    expect(a.reason, what).to.match(/no (anomaly|valid) pixel/)
    expect([a.ap, a.auroc, a.fpr, a.threshold], what).to.deep.equal([NaN, NaN, NaN, NaN])
    return
  }
  close(`${what} AP`, a.ap, want.sklearn.AP)
  close(`${what} AUROC`, a.auroc, want.sklearn.AUROC)
  close(`${what} AUROC of the full curve`, a.auroc, want.sklearn.AUROC_full)
  same(`${what} curve points`, base.curve().tp.length + 1, want.sklearn.roc_points_full)

  const conventions = want.tpr95_conventions
  close(`${what} FPR a`, a.fpr, conventions.strict_gt__sklearn_default_drop.fpr)
  close(`${what} FPR a, official`, a.fpr, want.official_densehybrid_calculate_auroc.fpr95)
  same(`${what} threshold a`, a.threshold, want.official_densehybrid_calculate_auroc.threshold_returned)
  const b = resultOf('b')
  close(`${what} FPR b`, b.fpr, want.official_openset_m2f_calculate_stat.fpr95)
  same(`${what} threshold b`, b.threshold, want.official_openset_m2f_calculate_stat.threshold)
  const c = resultOf('c')
  close(`${what} FPR c`, c.fpr, conventions.ge__full.fpr)
  close(`${what} TPR c`, c.tpr, conventions.ge__full.tpr)
  same(`${what} threshold c`, c.threshold, conventions.ge__full.threshold)
  close(`${what} FPR d`, resultOf('d').fpr, want.official_ood_metrics_fpr_at_95_tpr_interp.fpr95)
  close(`${what} FPR e`, resultOf('e').fpr, want.official_hendrycks_nearest_recall.fpr95)

  const calibrated = calibrateThreshold(base, { tpr: 0.95, convention: 'a' })
  same(`${what} calibrated threshold`, calibrated.threshold, a.threshold)
}

describe('golden metrics', () => {
  before(function () {
    if (existsSync(folder)) return
    console.log(`      skipped: ${folder} is missing; set DENSEHYBRID_SHARED to the folder of reference data`)
    this.skip()
  })
  if (!existsSync(folder)) it('reference data is there', () => {})

  for (const name of cases('pix_')) {
    it(name, () => {
      const want = expectedOf(name)
      const scores = files(name, /_score\.npy$/)
      const labels = files(name, /_label\.npy$/)
      expect(scores).to.have.length(want.images)
      const pooled = new AnomalyMetrics()
      const addAll = () => {
        scores.forEach((path, i) => {
          pooled.add(readScores(path), readLabels(labels[i]), path)
        })
      }
      if (/Input contains (NaN|infinity)/.test(want.pooled.sklearn.message ?? '')) {
        expect(addAll)
          .to.throw(/not finite/)
          .with.property('code', 'NON_FINITE')
        return
      }
      addAll()
      checkPixelMetrics('pooled', pooled, want.pooled)
      same('ignored', pooled.result().ignored, want.n_ignored)
      if (want.official_fishyscapes?.error === undefined && pooled.result().positives > 0) {
        const fishyscapes = AnomalyMetrics.fromJSON({ ...pooled.toJSON(), convention: 'c' }).result()
        close('Fishyscapes AP', fishyscapes.ap, want.official_fishyscapes.AP)
        close('Fishyscapes AUROC', fishyscapes.auroc, want.official_fishyscapes.auroc)
        close('Fishyscapes FPR', fishyscapes.fpr, want.official_fishyscapes['FPR@95%TPR'])
      }
      const perImage: Expected[] = want.per_image ?? []
      perImage.forEach((block, i) => {
        const metrics = new AnomalyMetrics().add(readScores(scores[i]), readLabels(labels[i]), scores[i])
        checkPixelMetrics(`image ${i}`, metrics, block)
      })
    })
  }

  for (const name of cases('iou_')) {
    it(name, () => {
      const want = expectedOf(name).result
      const { num_classes_arg: n, ignore_index: ignore } = want
      const targets = files(name, /_target\.npy$/)
      const predictions = files(name, /_pred\.npy$/)
      expect(targets).to.have.length.above(0)
      const matrix = new ConfusionMatrix(n, { ignore })
      targets.forEach((path, i) => {
        matrix.add(readLabels(path), readLabels(predictions[i]), path)
      })
      expect(matrix.result().matrix).to.deep.equal(want.confusion_rows_gt_cols_pred)
      matrix.iou().forEach((value, k) => {
        close(`IoU ${k}`, value, want.iou[k])
      })
      if (want.open_miou_nanmean_excluding_last2 === undefined) {
        close('mIoU', matrix.meanIoU(), want.miou)
        matrix.add(readLabels(targets[0]), readLabels(predictions[0]))
        close('mIoU after one more image', matrix.meanIoU(), want.after_value_then_add_img00.miou)
        return
      }
      // The same images through OpenSetMetrics: n = K known classes, unknown, ignore.
      const known = n - 2
      for (const absent of ['skip', 'zero'] as const) {
        const metrics = new OpenSetMetrics({ classes: known, absent })
        targets.forEach((path, i) => {
          const truth = readLabels(path).data.map((t) =>
            t < known ? t : t === known ? UNKNOWN_LABEL : IGNORE_LABEL,
          )
          const open = readLabels(predictions[i]).data
          metrics.add({ labels: truth, closed: open.map((p) => Math.min(p, known - 1)), open }, path)
        })
        const result = metrics.result()
        const zeroed = want.coco_variant_nan_to_zero.open_miou
        close(
          `open-mIoU, ${absent}`,
          result.openMIoU,
          absent === 'zero' ? zeroed : want.open_miou_nanmean_excluding_last2,
        )
        close('IoU of unknown', result.unknownIoU, want.anomaly_iou)
      }
    })
  }

  for (const name of cases('openset_')) {
    it(name, () => checkTwoFold(name))
  }
})

interface StreetHazardsImage {
  readonly labels: Uint8Array
  /** 1 anomaly, 0 inlier, 255 ignore. */
  readonly target: Uint8Array
  readonly scores: Float32Array
  /** Argmax over the known classes, the first of equals. */
  readonly closed: Uint8Array
  readonly height: number
  readonly width: number
}

function readStreetHazards(name: string, city: string): StreetHazardsImage[] {
  const read = (kind: string) => files(name, new RegExp(`^${city}_img\\d+_${kind}\\.npy$`))
  const logitFiles = read('logits')
  const scoreFiles = read('expected_score')
  return read('raw').map((path, i) => {
    const raw = readLabels(path)
    const [height, width] = raw.shape
    // raw 4 is ignored, 14 is the anomaly; 1 … 3 → 0 … 2, 5 … 13 → 3 … 11.
    const labels = raw.data.map((id) =>
      id === 14 ? UNKNOWN_LABEL : id === 4 ? IGNORE_LABEL : id < 4 ? id - 1 : id - 2,
    )
    const target = labels.map((label) => (label === UNKNOWN_LABEL ? 1 : label === IGNORE_LABEL ? 255 : 0))
    const logits = readScores(logitFiles[i])
    const pixels = height * width
    const closed = labels.map((_, p) => {
      let best = 0
      for (let k = 1; k < logits.shape[0]; k++)
        if (logits.data[k * pixels + p] > logits.data[best * pixels + p]) best = k
      return best
    })
    return { labels, target, scores: readScores(scoreFiles[i]).data, closed, height, width }
  })
}

/** Scores as means of 2×2 pixels, targets of their first pixel, as the official calibration does by default. */
function halved(image: StreetHazardsImage): { scores: Float32Array; target: Uint8Array } {
  const { width } = image
  const [h, w] = [image.height >> 1, width >> 1]
  const first = (p: number) => 2 * Math.floor(p / w) * width + 2 * (p % w)
  const s = image.scores
  const scores = Float32Array.from({ length: h * w }, (_, p) => {
    const at = first(p)
    return (s[at] + s[at + 1] + s[at + width] + s[at + width + 1]) / 4
  })
  return { scores, target: Uint8Array.from({ length: h * w }, (_, p) => image.target[first(p)]) }
}

function checkTwoFold(name: string): void {
  const want = expectedOf(name).result
  const cities = new Map(['t5', 't6'].map((city) => [city, readStreetHazards(name, city)]))
  const all = [...cities.values()].flat()
  for (const [scale, block] of [
    [0.5, want['calibration_scale_0.5']],
    [1, want['calibration_scale_1.0']],
  ] as const) {
    let weighted = 0
    for (const fold of [block.official_print_name_t5, block.official_print_name_t6]) {
      const what = `scale ${scale}, evaluated on ${fold.evaluated_on_images_of_city}`
      const calibration = new AnomalyMetrics()
      for (const image of cities.get(fold.calibrated_on_images_of_city) ?? []) {
        const { scores, target } = scale === 1 ? image : halved(image)
        calibration.add(scores, target)
      }
      const { threshold } = calibrateThreshold(calibration, { tpr: 0.95, convention: 'a' })
      if (scale === 1) same(`${what} threshold`, threshold, fold.threshold)
      else expect(threshold, `${what} threshold`).to.be.closeTo(fold.threshold, 2e-5)
      const metrics = new OpenSetMetrics({ classes: 12 })
      const images = cities.get(fold.evaluated_on_images_of_city) ?? []
      for (const { labels, closed, scores } of images) {
        const open = closed.map((label, p) => (scores[p] > threshold ? 12 : label))
        metrics.add({ labels, closed, open })
      }
      const result = metrics.result()
      same(`${what} images`, images.length, fold.n_images_evaluated)
      expect(result.confusion, what).to.deep.equal(
        fold.confusion.slice(0, 13).map((row: number[]) => row.slice(0, 13)),
      )
      result.perClass.forEach(({ open }, k) => {
        close(`${what} Open-IoU ${k}`, open, fold.iou[k])
      })
      close(`${what} open-mIoU`, result.openMIoU, fold.open_miou)
      close(`${what} IoU of unknown`, result.unknownIoU, fold.anomaly_iou)
      weighted += (result.openMIoU * images.length) / all.length
    }
    close(`scale ${scale} weighted open-mIoU`, weighted, block.open_miou_weighted)
  }
  const pooled = new AnomalyMetrics()
  const closedSet = new OpenSetMetrics({ classes: 12 })
  for (const { labels, closed, scores, target } of all) {
    pooled.add(scores, target)
    closedSet.add({ labels, closed, open: closed })
  }
  close('closed mIoU', closedSet.result().closedMIoU, want.closed.miou)
  const { ap, auroc, fpr, positives, negatives } = pooled.result()
  same('positives', positives, want.pooled_anomaly.n_pos)
  same('negatives', negatives, want.pooled_anomaly.n_neg)
  close('AP', ap, want.pooled_anomaly.AP)
  close('AUROC', auroc, want.pooled_anomaly.AUROC)
  close('FPR', fpr, want.pooled_anomaly.FPR95_strict)
}
