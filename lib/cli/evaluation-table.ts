import type { Evaluation } from '../evaluation/evaluation.ts'
import type { Interval } from '../evaluation/intervals.ts'
import type { FprConvention } from '../evaluation/operating-point.ts'
import type { TwoFoldResult } from '../evaluation/two-fold.ts'
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

/** What each convention reads, in a few words. */
const CONVENTIONS: Readonly<Record<FprConvention, string>> = {
  a: 'first kept point with TPR above (DenseHybrid)',
  b: 'first kept point with TPR at or above (Open-set-M2F)',
  c: 'first point with TPR at or above (Fishyscapes)',
  d: 'interpolated (ood-metrics)',
  e: 'nearest TPR (Hendrycks)',
  f: 'first point with TPR at or above, after a float32 sigmoid (pytorch-ood)',
}

/** An evaluation as text: one row a detector, then mIoU and the gap, then the conventions. All in per cent. */
export function formatEvaluation(
  evaluation: Evaluation,
  options: { perClass?: boolean; sweep?: boolean } = {},
): string {
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
  const head = [
    'detector',
    'AP',
    'AUROC',
    `FPR${at} (${convention})`,
    ...(withOpen ? [`open-mIoU@${at}`] : []),
  ]
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
  parts.push(...furtherTables(evaluation, options.sweep === true))
  const { positives = 0, negatives = 0, reason } = detectors[0] ?? {}
  const notes = [
    `${evaluation.images} images of ${evaluation.data}, ${positives} anomaly and ${negatives} inlier pixels.`,
    `FPR by convention ${convention}: ${CONVENTIONS[convention]}.`,
    ...(withOpen
      ? [`open-mIoU@${at}: threshold of each row at TPR ${at} %, ${thresholdOrigin(evaluation)}.`]
      : []),
    ...(reason === undefined ? [] : [`Undefined values: ${reason}.`]),
  ]
  return [...parts, notes.map((note) => ` ${note}`).join('\n')].join('\n\n')
}

/** Tables of what was measured beside the detectors' metrics. */
function furtherTables({ detectors }: Evaluation, withSweep: boolean): string[] {
  const tables: string[] = []
  const add = (head: readonly string[], rows: readonly (readonly string[])[]) => {
    if (rows.length > 0) tables.push(formatTable(head, rows))
  }
  add(
    ['means over images', 'AP', 'AUROC', 'FPR', 'AP, 0 without anomaly', 'FPR, 0 without anomaly'],
    detectors.flatMap(({ detector, means }) => {
      if (means === undefined) return []
      const { withoutAnomalySkipped: skip, withoutAnomalyAsZero: zero } = means
      return [
        [
          DETECTOR_TITLES[detector],
          ...[skip.ap, skip.auroc, skip.fpr, zero.ap, zero.fpr].map((x) => percent(x)),
        ],
      ]
    }),
  )
  const intervals = detectors.find((entry) => entry.intervals)?.intervals
  const coverage = `${percent(intervals?.confidence, 0)} % interval, by image`
  add(
    [coverage, 'AP', 'AUROC', 'FPR', 'open-mIoU', 'AP: first less this'],
    detectors.flatMap(({ detector, intervals: own, difference, openSet }) => {
      if (own === undefined) return []
      const values = [own.ap, own.auroc, own.fpr, openSet?.openMIoUInterval, difference?.ap].map(range)
      return [[DETECTOR_TITLES[detector], ...values]]
    }),
  )
  add(
    ['SMIYC', 'AP', 'FPR95', 'sIoU', 'PPV', 'F1*', 'threshold'],
    detectors.flatMap(({ detector, smiyc }) => {
      if (smiyc === undefined) return []
      const { pixels, components } = smiyc
      const values = [pixels.ap, pixels.fpr, components?.sIoU, components?.ppv, components?.f1].map((x) =>
        percent(x),
      )
      return [[DETECTOR_TITLES[detector], ...values, components?.threshold?.toFixed(4) ?? '–']]
    }),
  )
  add(
    ['group', 'detector', 'AP', 'AUROC', 'FPR', 'found', 'rejected', 'images'],
    detectors.flatMap(({ detector, breakdowns = [] }) =>
      breakdowns.map(({ breakdown, group, ap, auroc, fpr, foundAnomalies, rejectedInliers, images }) => [
        `${breakdown} ${group}`,
        DETECTOR_TITLES[detector],
        ...[ap, auroc, fpr, foundAnomalies, rejectedInliers].map((x) => percent(x)),
        String(images),
      ]),
    ),
  )
  if (withSweep) {
    add(
      ['open-mIoU over TPR', 'TPR', 'threshold', 'open-mIoU', 'IoU of unknown'],
      detectors.flatMap(({ detector, sweep = [] }) =>
        sweep.map(({ targetTpr, threshold, openMIoU, unknownIoU }) => [
          DETECTOR_TITLES[detector],
          percent(targetTpr),
          threshold.toFixed(4),
          percent(openMIoU),
          percent(unknownIoU),
        ]),
      ),
    )
  }
  return tables
}

function range(interval: Interval | undefined): string {
  if (interval === undefined || Number.isNaN(interval.low)) return '–'
  return `${percent(interval.low)} … ${percent(interval.high)}`
}

/** Open-mIoU of two folds as text. */
export function formatFolds({ folds, openMIoU, unknownIoU, scale, tpr, convention }: TwoFoldResult): string {
  const rows = folds.map(({ evaluatedOn, images, calibratedOn, calibration, openSet }) => [
    evaluatedOn,
    String(images),
    calibratedOn,
    calibration.threshold.toFixed(4),
    percent(openSet.closedMIoU),
    percent(openSet.openMIoU),
    percent(openSet.unknownIoU),
  ])
  const images = String(folds[0].images + folds[1].images)
  rows.push(['both, weighted by images', images, '', '', '', percent(openMIoU), percent(unknownIoU)])
  const head = [
    'evaluated on',
    'images',
    'calibrated on',
    'τ of s_H',
    'closed mIoU',
    'open-mIoU',
    'IoU of unknown',
  ]
  const at = Math.round(1000 * tpr) / 10
  const note = ` τ at TPR ${at} % by convention ${convention}, found at scale ${scale}; evaluated at full size.`
  return [formatTable(head, rows), note].join('\n\n')
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
