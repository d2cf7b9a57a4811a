import writeFileAtomic from 'write-file-atomic'
import { fileError } from '../data/read-bytes.ts'
import type { Evaluation } from './evaluation.ts'
import { fprName } from './operating-point.ts'

const CSV_COLUMNS = [
  'image',
  'detector',
  'ap',
  'auroc',
  'fpr',
  'positives',
  'negatives',
  'ignored',
  'reason',
] as const

/** An evaluation as JSON text; values that are not defined (NaN) are null. */
export function evaluationJson(evaluation: Evaluation): string {
  const replace = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? null : value
  return JSON.stringify(evaluation, replace, 2)
}

/**
 * One line an image and detector; values that are not defined are empty and `reason` says why. The column of the FPR is
 * named after its TPR and convention, e.g. `fpr95_a`.
 */
export function evaluationCsv({ perImage = [], tpr, convention }: Evaluation): string {
  const head = CSV_COLUMNS.map((column) => (column === 'fpr' ? fprName(tpr, convention) : column))
  const lines = perImage.map((image) => CSV_COLUMNS.map((column) => csvField(image[column])).join(','))
  return `${[head.join(','), ...lines].join('\n')}\n`
}

/**
 * Writes an evaluation to files, atomically.
 *
 * @throws DenseHybridError NOT_FOUND, IO naming the file
 */
export async function writeEvaluation(
  evaluation: Evaluation,
  files: { readonly json?: string; readonly csv?: string },
): Promise<void> {
  if (files.json !== undefined) await writeText(files.json, `${evaluationJson(evaluation)}\n`)
  if (files.csv !== undefined) await writeText(files.csv, evaluationCsv(evaluation))
}

async function writeText(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, text).catch((error) => {
    throw fileError(path, error)
  })
}

function csvField(value: string | number | undefined): string {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) return ''
  const text = String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
