import { AnomalyMetrics } from '../../../lib/evaluation/anomaly.ts'
import { ConfusionMatrix } from '../../../lib/evaluation/confusion.ts'
import { binaryPixels, classPixels } from '../../support/large-case.ts'
import { type Expected, Scalars } from './metrics-case.ts'

/** Pixels of one piece: the size of a photo. */
const PIECE = 2 ** 21

/** Exact metrics of generated pixels, streamed piece by piece. */
export function largeChecks(description: Expected): Scalars {
  const checks = new Scalars(1e-12)
  const { n_pixels: n, generator, self_check: self, expected } = description
  const ties = new AnomalyMetrics()
  const fine = new AnomalyMetrics()
  let isFirst = true
  for (const piece of binaryPixels(generator.seed, n, PIECE)) {
    if (isFirst) {
      const first: number[][] = self['first8_[label,s,f]']
      first.forEach(([label, s, f], i) => {
        checks.exact(`generated label ${i}`, piece.labels[i], label)
        checks.exact(`generated s ${i}`, piece.ties[i] * 2 ** 17, s)
        checks.exact(`generated f ${i}`, piece.fine[i] * 2 ** 22, f)
      })
    }
    isFirst = false
    ties.add(piece.ties, piece.labels)
    fine.add(piece.fine, piece.labels)
  }
  for (const [name, metrics] of [
    ['score_ties', ties],
    ['score_fine', fine],
  ] as const) {
    const want = expected[name]
    const { ap, auroc, fprByConvention: fpr, threshold, tpr, ...counts } = metrics.result()
    checks.exact(`${name} positives`, counts.positives, want.n_pos)
    checks.exact(`${name} negatives`, counts.negatives, want.n_neg)
    checks.exact(`${name} ignored`, counts.ignored, self.n_ignored)
    checks.close(`${name} AP`, ap, want.AP)
    checks.close(`${name} AUROC`, auroc, want.AUROC)
    checks.close(`${name} FPR a`, fpr.a, want.strict_gt_drop.fpr95)
    checks.close(`${name} FPR b`, fpr.b, want.ge_drop.fpr95)
    checks.close(`${name} FPR c`, fpr.c, want.ge_full.fpr95)
    checks.close(`${name} FPR d`, fpr.d, want.interp_fpr95)
    checks.exact(`${name} threshold a`, threshold, want.strict_gt_drop.threshold)
    checks.close(`${name} TPR a`, tpr, want.strict_gt_drop.tpr)
    checks.exact(`${name} distinct scores`, metrics.curve().tp.length, want.n_distinct_scores)
  }
  const want = expected.multiclass_20x20_ignore19
  const matrix = new ConfusionMatrix(20, { ignore: 19 })
  for (const { target, prediction } of classPixels(generator.multiclass_case.seed, n, PIECE)) {
    matrix.add(target, prediction)
  }
  checks.counts('confusion', matrix.result().matrix, want.confusion_rows_gt_cols_pred)
  checks.close('mIoU', matrix.meanIoU(), want.miou)
  return checks
}
