import { join } from 'node:path'
import { jsonText, writeText } from '../../evaluation/export.ts'
import { renderExamples } from '../../report/examples.ts'
import { type ReportPicture, type ReportTable, writeReport } from '../../report/html.ts'
import type { CommandContext } from '../command.ts'
import { openTestData, withModel } from '../models.ts'
import { clock } from '../ui.ts'
import type { Manifest } from './manifest.ts'
import type { Recipe } from './recipe.ts'
import { gatherResults, markdownTable } from './results.ts'
import type { ReadyStage } from './stages.ts'

/** Images that the report shows. */
const SHOWN = 6

/** What a finished recipe leaves beside the folders of its stages. */
export const REPORT_FILES = { json: 'results.json', markdown: 'results.md', page: 'index.html' } as const

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
  const last = stages.findLast(({ stage }) => stage.command === 'evaluate')
  if (last === undefined) return undefined
  const { model, data, pasteNegatives, seed } = last.values as {
    model: string
    data: string
    pasteNegatives?: string
    seed: number
  }
  return withModel(model, last.values as never, async (segmenter) => {
    const test = await openTestData(
      { spec: data, seed, ...(pasteNegatives && { pasteNegatives }) },
      segmenter,
      context,
    )
    return {
      pictures: await renderExamples(segmenter, test, SHOWN, context.signal),
      note: `The first images of ${test.name}, with ${model}. The colour scale of the score is the same in all of them.`,
      classes: [...segmenter.classes],
    }
  })
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
