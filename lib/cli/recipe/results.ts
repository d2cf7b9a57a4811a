import { join } from 'node:path'
import { readJson } from '../../data/read-bytes.ts'
import type { Evaluation } from '../../evaluation/evaluation.ts'
import type { TwoFoldResult } from '../../evaluation/two-fold.ts'
import type { ReportTable } from '../../report/html.ts'
import { DETECTOR_TITLES } from '../evaluation-table.ts'
import { percent } from '../ui.ts'
import { type ReadyStage, STAGE_FILES } from './stages.ts'

/** The values of one row by the heads of their columns; fractions. */
type Values = Record<string, number | null>

/**
 * The tables of a finished recipe: one row for each row and detector that its evaluations name, one column for every metric
 * that any of them has.
 */
export async function gatherResults(stages: readonly ReadyStage[]): Promise<ReportTable[]> {
  const tables = new Map<string, Map<string, Values>>()
  for (const { stage, folder } of stages) {
    if (stage.command !== 'evaluate') continue
    const found = await readResults({ folder })
    const title = stage.table ?? 'Results'
    const rows = tables.get(title) ?? new Map<string, Values>()
    tables.set(title, rows)
    for (const [detector, values] of 'folds' in found ? foldValues(found) : detectorValues(found)) {
      const name = `${stage.row ?? stage.name}: ${DETECTOR_TITLES[detector]}`
      rows.set(name, joined(rows.get(name) ?? {}, values, stage.name))
    }
  }
  return [...tables].map(([title, rows]) => tableOf(title, rows))
}

/** Several evaluations may fill one row. Where two of them have the same column, the later one's names its stage. */
function joined(row: Values, values: Values, stage: string): Values {
  const named = Object.entries(values).map(([column, value]) => {
    const taken = Object.hasOwn(row, column) && row[column] !== value
    return [taken ? `${column}, ${stage}` : column, value] as const
  })
  return { ...row, ...Object.fromEntries(named) }
}

/** What an evaluation left in its folder. */
export async function readResults({
  folder,
}: Pick<ReadyStage, 'folder'>): Promise<Evaluation | TwoFoldResult> {
  return (await readJson(join(folder, STAGE_FILES.results))) as Evaluation | TwoFoldResult
}

function tableOf(title: string, rows: ReadonlyMap<string, Values>): ReportTable {
  const columns = [...new Set([...rows.values()].flatMap((values) => Object.keys(values)))]
  return {
    title,
    columns,
    rows: [...rows].map(([name, values]) => ({
      name,
      values: columns.map((column) => values[column] ?? null),
    })),
  }
}

function detectorValues(found: Evaluation): [detector: string, values: Values][] {
  const at = Math.round(1000 * found.tpr) / 10
  return found.detectors.map((one) => {
    const { ap, auroc, fpr, means, smiyc, openSet } = one
    const image = means?.withoutAnomalySkipped
    return [
      one.detector,
      {
        AP: ap,
        AUROC: auroc,
        [`FPR${at} (${found.convention})`]: fpr,
        ...(image && { 'AP by image': image.ap, 'AUROC by image': image.auroc, 'FPR by image': image.fpr }),
        ...(smiyc && {
          'AP (SMIYC)': smiyc.pixels.ap,
          'FPR95 (SMIYC)': smiyc.pixels.fpr,
          ...(smiyc.components && {
            'sIoU gt': smiyc.components.sIoU,
            PPV: smiyc.components.ppv,
            'mean F1': smiyc.components.f1,
          }),
        }),
        ...(found.closedMIoU !== undefined && { 'closed mIoU': found.closedMIoU }),
        ...(openSet && { [`open-mIoU@${at}`]: openSet.openMIoU }),
      },
    ]
  })
}

/** A mean over both folds, weighted by images. */
function foldValues(found: TwoFoldResult): [detector: string, values: Values][] {
  const at = Math.round(1000 * found.tpr) / 10
  const [first, second] = found.folds
  const values: Values = { [`open-mIoU@${at}, two folds`]: found.openMIoU }
  for (const { evaluatedOn, openSet } of [first, second]) values[`on ${evaluatedOn}`] = openSet.openMIoU
  return [[found.detector, values]]
}

/** A table in Markdown; per cent. */
export function markdownTable({ title, columns, rows }: ReportTable): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    `**${title}** (per cent)`,
    '',
    line(['', ...columns]),
    line(['---', ...columns.map(() => '---')]),
    ...rows.map(({ name, values }) => line([name, ...values.map((value) => percent(Number(value ?? NaN)))])),
  ].join('\n')
}
