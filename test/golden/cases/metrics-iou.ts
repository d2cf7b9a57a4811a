import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../../lib/data/dataset.ts'
import { ConfusionMatrix } from '../../../lib/evaluation/confusion.ts'
import { OpenSetMetrics } from '../../../lib/evaluation/open-set.ts'
import { readNpyLabels } from '../../support/npy.ts'
import { type Expected, filesOf, Scalars } from './metrics-case.ts'

/** Confusion matrix, IoU and open-mIoU of one case. */
export function iouChecks(folder: string, { result: want }: Expected): Scalars {
  const checks = new Scalars(1e-12)
  const { num_classes_arg: n, ignore_index: ignore } = want
  const targets = filesOf(folder, /_target\.npy$/).map(readNpyLabels)
  const predictions = filesOf(folder, /_pred\.npy$/).map(readNpyLabels)
  const matrix = new ConfusionMatrix(n, { ignore })
  targets.forEach((target, i) => {
    matrix.add(target, predictions[i])
  })
  checks.counts('confusion', matrix.result().matrix, want.confusion_rows_gt_cols_pred)
  matrix.iou().forEach((value, k) => {
    checks.close(`IoU ${k}`, value, want.iou[k])
  })
  if (want.open_miou_nanmean_excluding_last2 === undefined) {
    checks.close('mIoU', matrix.meanIoU(), want.miou)
    matrix.add(targets[0], predictions[0])
    checks.close('mIoU after one more image', matrix.meanIoU(), want.after_value_then_add_img00.miou)
    return checks
  }
  // The same images through OpenSetMetrics: n = K known classes, unknown, ignore.
  const known = n - 2
  const zeroed = want.coco_variant_nan_to_zero
  for (const absent of ['skip', 'zero'] as const) {
    const metrics = new OpenSetMetrics({ classes: known, absent })
    targets.forEach(({ data }, i) => {
      const labels = data.map((t) => (t < known ? t : t === known ? UNKNOWN_LABEL : IGNORE_LABEL))
      const open = predictions[i].data
      metrics.add({ labels, closed: open.map((p) => Math.min(p, known - 1)), open })
    })
    const { openMIoU, unknownIoU, openF1, openYouden } = metrics.result()
    if (absent === 'skip') {
      checks.close('mean F1', openF1, want.f1_mean)
      checks.close("mean of Youden's J", openYouden, want.youden_mean)
    }
    const reference = absent === 'zero' ? zeroed.open_miou : want.open_miou_nanmean_excluding_last2
    checks.close(`open-mIoU, absent classes ${absent}`, openMIoU, reference)
    checks.close('IoU of unknown', unknownIoU, want.anomaly_iou)
    if (absent === 'zero') {
      const mean = (openMIoU * known + (Number.isNaN(unknownIoU) ? 0 : unknownIoU)) / (known + 1)
      checks.close('mean with unknown', mean, zeroed.miou_k_plus_1)
    }
  }
  return checks
}
