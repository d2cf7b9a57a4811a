import writeFileAtomic from 'write-file-atomic'
import { fileError } from '../data/read-bytes.ts'
import { checkOptionNames, invalid } from '../validate.ts'
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
  return jsonText(evaluation)
}

/** A result as JSON text; values that are not defined (NaN) are null. */
export function jsonText(result: unknown): string {
  const replace = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? null : value
  return JSON.stringify(result, replace, 2)
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
 * A confusion matrix as CSV: a header with the predicted classes, then one line a true class.
 *
 * @param matrix counts[truth][prediction], n×n, e.g. `confusion` of an open-set result
 * @param names one for each row; for an open-set matrix the known classes and a name for unknown
 * @param options `normalised` divides each row by its sum: shares in [0, 1], empty where the row is
 * @throws INVALID_ARGUMENT where the matrix is not square or the names are not as many
 */
export function confusionCsv(
  matrix: readonly (readonly number[])[],
  names: readonly string[],
  options: { readonly normalised?: boolean } = {},
): string {
  checkOptionNames('confusionCsv', options, ['normalised'])
  const isMatrix = Array.isArray(matrix) && matrix.length > 0
  if (!isMatrix) throw invalid('matrix', 'rows of counts', matrix)
  if (!Array.isArray(names) || names.length !== matrix.length)
    throw invalid('names', `${matrix.length} names, one for each row`, names)
  const rows = matrix.map((row: readonly number[], k) => {
    if (row?.length !== matrix.length) throw invalid(`matrix[${k}]`, `${matrix.length} counts`, row)
    const sum = options.normalised ? row.reduce((total, count) => total + count, 0) : 1
    return [csvField(names[k]), ...row.map((count) => csvField(count / sum))].join(',')
  })
  return `${[['truth', ...names.map(csvField)].join(','), ...rows].join('\n')}\n`
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

/**
 * Writes a text file, atomically.
 *
 * @throws DenseHybridError NOT_FOUND, IO naming the file
 */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, text).catch((error) => {
    throw fileError(path, error)
  })
}

function csvField(value: string | number | undefined): string {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) return ''
  const text = String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
