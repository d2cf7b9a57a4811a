import { join } from 'node:path'
import { nearest } from '../../validate.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { integer, text, textAssignments, toggle, type Values } from '../flags.ts'
import { namesIn } from '../recipe/placeholders.ts'
import type { Recipe } from '../recipe/recipe.ts'
import type { ReadyStage, RecipeRun } from '../recipe/stages.ts'
import { applyThreads } from '../training.ts'
import { formatTable, percent } from '../ui.ts'
import { UsageError } from '../usage-error.ts'

const FLAGS = {
  data: textAssignments('NAME=PATH'),
  out: text('DIR'),
  dryRun: toggle(),
  smoke: toggle(),
  set: textAssignments('STAGE.FLAG=VALUE'),
  print: toggle(),
  resume: toggle(),
  overwrite: toggle(),
  device: text('NAME', { default: 'cpu' }),
  threads: integer(1, 1024),
  seed: integer(0, 2 ** 31 - 1),
}

/** The command `recipe`. */
export const command = defineCommand({
  name: 'recipe',
  summary: 'Experiments of the paper: train, fine-tune, evaluate, report.',
  usage: '[NAME|FILE.yaml] --data NAME=PATH --out DIR [options]',
  examples: [
    'recipe                                  (lists them)',
    'recipe camvid --data camvid=CamVid --dry-run',
    'recipe streethazards --data streethazards=/data/sh \\',
    '    --data ade20k=/data/ade20k --out runs/sh --device cuda',
  ],
  inputs: { min: 0, max: 1, name: 'the name of a recipe' },
  flags: FLAGS,
  details: [
    'A recipe is a YAML file of stages, each a command with its flags.',
    'To change one: densehybrid recipe NAME --print > mine.yaml',
  ],
  help: [
    ['data', 'a folder or file that it needs; repeat for each'],
    ['out', 'folder of the run: stages, results, manifest.json'],
    ['dryRun', 'only the plan: commands, steps, memory, time'],
    ['smoke', 'two steps and eight images of everything'],
    ['set', 'another value, e.g. closed-set.epochs=20; repeat'],
    ['print', 'the recipe itself, with the source of each value'],
    ['resume,overwrite', 'go on with the run in --out, or replace it'],
    ['device,threads', 'cpu, cuda or cuda:1 ({device}); CPU threads (all)'],
    ['seed', "of all stages (the recipe's)"],
  ],
  async run(options, [name], context) {
    const { loadRecipe } = await import('../recipe/recipe.ts')
    if (name === undefined) return listRecipes(options, context)
    const recipe = await loadRecipe(name)
    if (options.print) {
      context.ui.result(recipe.text.trimEnd())
      return undefined
    }
    const run = checkRun(recipe, options)
    await applyThreads(options.threads)
    if (options.dryRun) return showPlan(recipe, run, options, context)
    return runRecipe(recipe, run, options, context, name)
  },
})

type Options = Values<typeof FLAGS> & { json?: boolean }

async function listRecipes(options: Options, { ui }: CommandContext): Promise<undefined> {
  const { loadRecipe, recipeNames } = await import('../recipe/recipe.ts')
  const recipes = await Promise.all((await recipeNames()).map(loadRecipe))
  if (options.json) {
    ui.json(recipes.map(({ name, title, about, data }) => ({ name, title, about, data })))
    return undefined
  }
  for (const { name, title, data } of recipes) {
    ui.result(`${name}\n    ${title}`)
    for (const [key, what] of Object.entries(data)) ui.result(`    --data ${key}=PATH  ${what}`)
  }
  ui.note('\nNext: densehybrid recipe NAME --dry-run')
  return undefined
}

/** What is to be run; everything that can be wrong about it without looking at files. */
function checkRun(recipe: Recipe, options: Options): RecipeRun {
  const { resume, overwrite, dryRun, smoke, device, seed, threads } = options
  if (resume && overwrite) throw new UsageError('--resume and --overwrite exclude each other')
  const names = Object.keys(recipe.data)
  for (const key of Object.keys(options.data)) {
    if (names.includes(key)) continue
    const near = nearest(key, names)
    throw new UsageError(
      `${recipe.name} needs no data ${key}.${near ? ` Did you mean --data ${near}=PATH?` : ` It needs ${names.join(', ')}.`}`,
    )
  }
  if (options.out === undefined && !dryRun) throw new UsageError('recipe needs --out DIR')
  return {
    out: options.out ?? join('runs', recipe.name),
    data: options.data,
    smoke,
    overrides: options.set,
    common: {
      ...(device !== 'cpu' && { device }),
      ...(seed !== undefined && { seed }),
      ...(threads !== undefined && { threads }),
    },
  }
}

async function showPlan(
  recipe: Recipe,
  run: RecipeRun,
  options: Options,
  { ui, signal }: CommandContext,
): Promise<undefined> {
  const { readyStages, shellLine } = await import('../recipe/stages.ts')
  const { planStages } = await import('../recipe/plan.ts')
  const { formatPlan } = await import('../recipe/format-plan.ts')
  const { StageData } = await import('../recipe/stage-data.ts')
  const { Speed } = await import('../recipe/speed.ts')
  const stages = await readyStages(recipe, run)
  ui.note('Timing a step of every network …')
  const plans = await planStages(stages, { data: new StageData(signal), speed: new Speed(options.device) })
  if (options.json) {
    ui.json(plans.map((plan, i) => ({ ...plan, line: shellLine(stages[i].argv) })))
    return undefined
  }
  ui.result(formatPlan(recipe, stages, plans))
  const missing = missingData(recipe, stages)
  if (missing.length > 0) ui.note(`\nIt needs ${missing.join(' and ')}`)
  return undefined
}

/** The data that the stages read but that was not given. */
function missingData(recipe: Recipe, stages: readonly ReadyStage[]): string[] {
  const read = new Set(stages.flatMap(({ flags, inputs }) => namesIn({ flags, input: inputs[0] })))
  const missing = Object.entries(recipe.data).filter(([key]) => read.has(key))
  return missing.map(([key, what]) => `--data ${key}=PATH (${what})`)
}

async function runRecipe(
  recipe: Recipe,
  run: RecipeRun,
  options: Options,
  context: CommandContext,
  name: string,
): Promise<undefined> {
  const { readyStages, recipeLine } = await import('../recipe/stages.ts')
  const { runStages } = await import('../recipe/run.ts')
  const { StageData } = await import('../recipe/stage-data.ts')
  const { REPORT_FILES, writeRecipeReport } = await import('../recipe/report.ts')
  const { ui, signal } = context
  const { resume, overwrite, smoke, device, json = false } = options
  const stages = await readyStages(recipe, run)
  const missing = missingData(recipe, stages)
  if (missing.length > 0) throw new UsageError(`recipe ${name} needs ${missing.join(' and ')}`)
  const manifest = await runStages(
    recipe,
    stages,
    {
      out: run.out,
      mode: resume ? 'resume' : overwrite ? 'overwrite' : 'new',
      smoke,
      device,
      repeat: recipeLine(name, run),
      data: new StageData(signal),
      showResults: !json,
    },
    context,
  )
  const tables = await writeRecipeReport(recipe, stages, manifest, run.out, context)
  if (json) {
    ui.json({ manifest, tables })
    return undefined
  }
  for (const { title, columns, rows } of tables) {
    const cells = rows.map(({ name, values }) => [
      name,
      ...values.map((value) => percent(Number(value ?? NaN))),
    ])
    ui.result(`\n${formatTable([title, ...columns], cells)}`)
  }
  if (smoke) ui.note('\nA smoke run: the numbers mean nothing.')
  ui.note(
    `\n${join(run.out, REPORT_FILES.page)} shows the results, ${join(run.out, 'manifest.json')} how to repeat them.`,
  )
  return undefined
}
