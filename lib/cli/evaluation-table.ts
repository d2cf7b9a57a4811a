import type { Evaluation } from '../evaluation/evaluation.ts'
import { formatTable, percent } from './ui.ts'

/** How the detectors are called in tables. */
export const DETECTOR_TITLES: Readonly<Record<string, string>> = {
  hybrid: 'hybrid s_H',
  discriminative: 's_D',
  generative: 's_G',
  maxSoftmax: 'max-softmax',
  maxLogit: 'max-logit',
  entropy: 'entropy',
}

/** An evaluation as text: one row a detector, then mIoU and the gap, then the conventions. All in per cent. */
export function formatEvaluation(evaluation: Evaluation, options: { perClass?: boolean } = {}): string {
  const { detectors, openSet, closedMIoU, convention, tpr } = evaluation
  const at = Math.round(1000 * tpr) / 10
  const withOpen = detectors.some((detector) => detector.openSet !== undefined)
  const rows = detectors.map(({ detector, ap, auroc, fpr, openSet: own }) => [
    DETECTOR_TITLES[detector],
    percent(ap),
    percent(auroc),
    percent(fpr),
    ...(withOpen ? [percent(own?.openMIoU)] : []),
  ])
  const head = ['detector', 'AP', 'AUROC', `FPR${at}`, ...(withOpen ? [`open-mIoU@${at}`] : [])]
  const parts = [formatTable(head, rows)]
  if (openSet !== undefined) {
    parts.push(
      ` closed mIoU ${percent(openSet.closedMIoU)}   open-mIoU ${percent(openSet.openMIoU)}` +
        `   gap ${percent(openSet.gap)}   (s_H > ${openSet.threshold.toFixed(3)}, ${originOf(openSet)})`,
    )
  } else if (closedMIoU !== undefined) parts.push(` closed mIoU ${percent(closedMIoU)}`)
  if (options.perClass && openSet !== undefined) {
    const classes = openSet.perClass.map(({ name, closed, open, gap }) => [
      name,
      percent(closed),
      percent(open),
      percent(gap),
    ])
    parts.push(formatTable(['class', 'closed IoU', 'open IoU', 'gap'], classes))
  }
  const { positives = 0, negatives = 0, reason } = detectors[0] ?? {}
  const notes = [
    `${evaluation.images} images of ${evaluation.data}, ${positives} anomaly and ${negatives} inlier pixels.`,
    `FPR by convention ${convention}.`,
    ...(withOpen
      ? [`open-mIoU@${at}: threshold of each row at TPR ${at} %, ${thresholdOrigin(evaluation)}.`]
      : []),
    ...(reason === undefined ? [] : [`Undefined values: ${reason}.`]),
  ]
  return [...parts, notes.map((note) => ` ${note}`).join('\n')].join('\n\n')
}

/** Evaluations on the same images as one table: one row a detector of each, all in per cent. */
export function formatComparison(
  entries: readonly { readonly title: string; readonly evaluation: Evaluation }[],
): string {
  const [{ evaluation }] = entries
  const at = Math.round(1000 * evaluation.tpr) / 10
  const rows = entries.flatMap(({ title, evaluation: { detectors } }) =>
    detectors.map(({ detector, ap, auroc, fpr, openSet }, i) => [
      i === 0 ? title : '',
      DETECTOR_TITLES[detector],
      percent(ap),
      percent(auroc),
      percent(fpr),
      percent(openSet?.openMIoU),
      percent(openSet?.closedMIoU),
    ]),
  )
  const head = ['negatives', 'detector', 'AP', 'AUROC', `FPR${at}`, `open-mIoU@${at}`, 'closed mIoU']
  const notes = [
    `${evaluation.images} images of ${evaluation.data}. FPR by convention ${evaluation.convention}.`,
    `open-mIoU@${at}: threshold of each row at TPR ${at} %, ${thresholdOrigin(evaluation)}.`,
  ]
  return [formatTable(head, rows), notes.map((note) => ` ${note}`).join('\n')].join('\n\n')
}

function originOf({ thresholdFrom }: { thresholdFrom: 'given' | 'self' }): string {
  return thresholdFrom === 'self' ? 'calibrated on these images' : 'calibrated before'
}

function thresholdOrigin({ detectors }: Evaluation): string {
  const self = detectors.some(({ openSet }) => openSet?.thresholdFrom === 'self')
  return self ? 'calibrated on these images' : 'calibrated on other images'
}
