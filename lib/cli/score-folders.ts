import type { ScoreFolders } from '../evaluation/evaluate-scores.ts'
import type { HelpRow } from './command.ts'
import { type Flags, integer, text, toggle, type Values } from './flags.ts'
import { UsageError } from './usage-error.ts'

/** How score maps and labels on disk are read. */
export const SCORE_FOLDER_FLAGS = {
  classes: integer(1, 253),
  ignore: integer(0, 255),
  mapping: text('NAME'),
  predictions: text('DIR'),
  resizeScores: toggle(),
  partial: toggle(),
} satisfies Flags

/** Help of {@link SCORE_FOLDER_FLAGS}. */
export const SCORE_FOLDER_HELP: readonly HelpRow[] = [
  ['classes,ignore', 'in --labels: known classes (masks), to ignore (255)'],
  ['mapping', 'or: smiyc, …, a file, or "0=inlier,1=anomaly"'],
  ['predictions', 'closed-set label maps: for mIoU and open-mIoU'],
  ['resizeScores,partial', 'to the labels\u2019 size; files without partner left out'],
]

type FolderOptions = Values<typeof SCORE_FOLDER_FLAGS> & {
  readonly scores?: string
  readonly labels?: string
}

/** What the library calls these flags; `scores` and `labels` must be there. */
export function scoreFolders(options: FolderOptions): ScoreFolders {
  const { scores, labels, classes, ignore, mapping, predictions, resizeScores, partial } = options
  return {
    scores: scores!,
    labels: labels!,
    ...(classes !== undefined && { classes }),
    ...(ignore !== undefined && { ignore }),
    ...(mapping !== undefined && { mapping }),
    ...(predictions !== undefined && { predictions }),
    ...(resizeScores && { resizeScores: 'bilinear' as const }),
    partial,
  }
}

/** With a model the labels come from the data set. */
export function checkNoFolderFlags(options: FolderOptions): void {
  const { mapping, predictions, resizeScores, partial } = options
  const given = {
    '--classes': options.classes !== undefined,
    '--ignore': options.ignore !== undefined,
    '--mapping': mapping !== undefined,
    '--predictions': predictions !== undefined,
    '--resize-scores': resizeScores,
    '--partial': partial,
  }
  const first = Object.entries(given).find(([, isGiven]) => isGiven)
  if (first !== undefined) throw new UsageError(`${first[0]} goes with --scores DIR and --labels DIR`)
}
