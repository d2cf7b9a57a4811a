import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evaluation } from '../../evaluation/evaluation.ts'
import { jsonText, writeText } from '../../evaluation/export.ts'
import type { TwoFoldResult } from '../../evaluation/two-fold.ts'
import { renderExamples } from '../../report/examples.ts'
import { type ReportPicture, type ReportTable, writeReport } from '../../report/html.ts'
import type { CommandContext } from '../command.ts'
import { openTestData, withModel } from '../models.ts'
import { clock } from '../ui.ts'
import type { Manifest } from './manifest.ts'
import type { Recipe } from './recipe.ts'
import { gatherResults, markdownTable, readResults } from './results.ts'
import type { ReadyStage } from './stages.ts'

/** Images that the report shows. */
const SHOWN = 6

/** What a finished recipe leaves beside the folders of its stages. */
export const REPORT_FILES = {
  json: 'results.json',
  markdown: 'results.md',
  page: 'index.html',
  pictures: 'pictures',
} as const

/** Writes results.json, results.md and index.html with pictures of the last model that was evaluated; returns the tables. */
export async function writeRecipeReport(
  recipe: Recipe,
  stages: readonly ReadyStage[],
  manifest: Manifest,
  out: string,
  context: CommandContext,
): Promise<ReportTable[]> {
  const tables = await gatherResults(stages)
  const warning = manifest.smoke ? 'A smoke run: the numbers mean nothing.\n\n' : ''
  await writeText(
    join(out, REPORT_FILES.json),
    `${jsonText({ recipe: recipe.name, smoke: manifest.smoke, tables })}\n`,
  )
  await writeText(
    join(out, REPORT_FILES.markdown),
    `# ${recipe.title}\n\n${warning}\`${manifest.repeat}\`\n\n${tables.map(markdownTable).join('\n\n')}\n`,
  )
  const shown = await examplesOf(stages, context)
  await rm(join(out, REPORT_FILES.pictures), { recursive: true, force: true }) // of an earlier report
  await writeReport(
    out,
    {
      title: recipe.title,
      explanation: `${warning}${recipe.about}`,
      metrics: tables,
      ...(shown && { pictures: shown.pictures, pictureNote: shown.note, classes: shown.classes }),
      settings: settingsOf(manifest),
    },
    { signal: context.signal },
  )
  return tables
}

async function examplesOf(
  stages: readonly ReadyStage[],
  context: CommandContext,
): Promise<{ pictures: ReportPicture[]; note: string; classes: readonly string[] } | undefined> {
  const measured = []
  for (const stage of stages) {
    if (stage.stage.command === 'evaluate') measured.push({ stage, found: await readResults(stage) })
  }
  // Labels of classes beside the unknown show more than anomalies alone.
  const shown = measured.findLast(({ found }) => 'openSet' in found) ?? measured.at(-1)
  if (shown === undefined) return undefined
  const { model, data, pasteNegatives, seed } = shown.stage.values as {
    model: string
    data: string
    pasteNegatives?: string
    seed: number
  }
  return withModel(model, shown.stage.values as never, async (segmenter) => {
    const test = await openTestData(
      { spec: data, seed, ...(pasteNegatives && { pasteNegatives }) },
      segmenter,
      context,
    )
    const threshold = segmenter.threshold ?? measuredThreshold(shown.found)
    const { signal } = context
    return {
      pictures: await renderExamples(segmenter, test, { count: SHOWN, threshold, signal }),
      note: `The first images of ${test.name}, with ${model}. ${describeThreshold(threshold, segmenter.threshold)} The colour scale of the score is the same in all of them.`,
      classes: [...segmenter.classes],
    }
  })
}

/** The threshold of s_H that the evaluation found for its TPR. */
function measuredThreshold(found: Evaluation | TwoFoldResult): number | undefined {
  if ('folds' in found) return undefined
  return found.detectors.find(({ detector }) => detector === 'hybrid')?.threshold
}

function describeThreshold(threshold: number | undefined, stored: number | undefined): string {
  if (threshold === undefined) return 'The model has no threshold: nothing is unknown.'
  const from = stored === undefined ? 'found on the measured images themselves' : "the model's"
  return `Unknown is where s_H > ${threshold.toFixed(2)} (${from}).`
}

function settingsOf({
  repeat,
  version,
  machine,
  datasets,
  stages,
}: Manifest): Record<string, string | number> {
  return {
    command: repeat,
    densehybrid: version,
    ...machine,
    ...Object.fromEntries(
      datasets.map(({ spec, images, hash }) => [spec, `${images} images, ${hash.slice(0, 12)}`]),
    ),
    ...Object.fromEntries(
      Object.entries(stages).map(([name, { seconds }]) => [`time of ${name}`, clock(1000 * seconds)]),
    ),
  }
}
