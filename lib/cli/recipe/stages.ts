import { join } from 'node:path'
import { nearest } from '../../validate.ts'
import type { Command } from '../command.ts'
import { COMMANDS } from '../commands.ts'
import { kebab } from '../flags.ts'
import { COMMON_FLAGS, parseCommandLine } from '../options.ts'
import { UsageError } from '../usage-error.ts'
import { fill, fillValue } from './placeholders.ts'
import type { Recipe, Stage, StageValue } from './recipe.ts'
import { smokeFlags } from './smoke.ts'

/** Names of files that stages leave in their folders. */
export const STAGE_FILES = { model: 'model.safetensors', results: 'results.json' } as const

/** How a recipe is to be run. */
export interface RecipeRun {
  /** Folder of the run; every stage has a folder in it. */
  readonly out: string
  /** Folders of data sets by their names in the recipe; those that are not given stay `{name}`. */
  readonly data: Readonly<Record<string, string>>
  /** For every stage whose command has the flag, such as device and seed. */
  readonly common: Readonly<Record<string, StageValue>>
  /** By `stage.flag`, as typed. */
  readonly overrides: Readonly<Record<string, string>>
  readonly smoke: boolean
}

/** A stage whose command can be run. */
export interface ReadyStage {
  readonly stage: Stage
  readonly folder: string
  readonly command: Command
  /** By the names of flags, with the folders of data and stages in place of their names. */
  readonly flags: Readonly<Record<string, StageValue>>
  /** Arguments that are no flags. */
  readonly inputs: readonly string[]
  /** What one would type after `densehybrid`. */
  readonly argv: readonly string[]
  /** Checked, by camelCase name. */
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * The commands of a recipe with all flags, checked.
 *
 * @throws UsageError naming the stage, for a flag that its command does not have or a wrong value
 */
export async function readyStages(recipe: Recipe, run: RecipeRun): Promise<ReadyStage[]> {
  checkOverrides(recipe, run.overrides)
  const folders = { ...run.data, ...folderOfStages(recipe, run.out) }
  return Promise.all(recipe.stages.map((stage) => readyStage(stage, recipe, run, folders)))
}

/** Where each stage leaves its files. */
function folderOfStages({ stages }: Recipe, out: string): Record<string, string> {
  return Object.fromEntries(stages.map(({ name }) => [name, join(out, name)]))
}

async function readyStage(
  stage: Stage,
  { smoke }: Recipe,
  run: RecipeRun,
  folders: Readonly<Record<string, string>>,
): Promise<ReadyStage> {
  const command = await COMMANDS[stage.command]()
  const folder = folders[stage.name]
  const names = Object.keys(command.flags).map(kebab)
  const common = Object.entries(run.common).filter(([name]) => names.includes(name))
  const own = Object.entries(run.overrides)
    .filter(([name]) => name.startsWith(`${stage.name}.`))
    .map(([key, value]) => {
      const name = key.slice(stage.name.length + 1)
      return [name, isSwitch(name, command) ? switched(key, value) : value] as const
    })
  const flags: Record<string, StageValue> = {
    ...(run.smoke ? smokeFlags(stage, smoke) : stage.flags),
    ...Object.fromEntries(common),
    ...Object.fromEntries(own),
    ...outputs(stage, folder, run.smoke),
  }
  const filled = Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [name, fillValue(value, folders)]),
  )
  const input = stage.input === undefined ? [] : [fill(stage.input, folders), join(folder, STAGE_FILES.model)]
  const argv = [stage.command, ...input, ...toArguments(filled, command)]
  try {
    const all = { ...COMMON_FLAGS, ...command.flags }
    const { values, inputs } = await parseCommandLine(command.name, all, argv.slice(1))
    return { stage, folder, command, flags: filled, inputs, argv, values }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`in the stage ${stage.name}: ${error.message}`)
  }
}

/** Where a stage writes: it is the recipe's to say. Figures take longer than a smoke run may. */
function outputs({ command, flags }: Stage, folder: string, smoke: boolean): Record<string, StageValue> {
  if (command === 'convert') return { overwrite: true }
  if (command === 'calibrate') return { out: join(folder, STAGE_FILES.model) }
  if (command !== 'evaluate') return { out: folder }
  return {
    json: join(folder, STAGE_FILES.results),
    ...(typeof flags.csv === 'string' && { csv: join(folder, flags.csv) }),
    ...(!smoke && !('second-fold' in flags) && { curves: join(folder, 'curves') }),
  }
}

function isSwitch(name: string, { flags }: Command): boolean {
  const found = Object.entries(flags).find(([flag]) => kebab(flag) === name)
  return found !== undefined && found[1].placeholder === undefined
}

function switched(key: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  throw new UsageError(`expected true or false for --set ${key} but received "${value}"`)
}

function checkOverrides({ stages }: Recipe, overrides: RecipeRun['overrides']): void {
  const names = stages.map(({ name }) => name)
  for (const key of Object.keys(overrides)) {
    const [stage] = key.split('.', 1)
    if (key.includes('.') && names.includes(stage)) continue
    const near = nearest(stage, names)
    throw new UsageError(
      `expected STAGE.FLAG=VALUE for --set but received "${key}".${near === undefined ? ` Stages: ${names.join(', ')}` : ` Did you mean ${near}?`}`,
    )
  }
}

/** Names and numbers of a list are joined with commas, whole specs repeat their flag. */
function toArguments(flags: Readonly<Record<string, StageValue>>, command: Command): string[] {
  const repeated = new Set(
    Object.entries(command.flags)
      .filter(([, { many, placeholder }]) => many && placeholder !== 'NAMES')
      .map(([name]) => kebab(name)),
  )
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === false) return []
    if (value === true) return [`--${name}`]
    if (!Array.isArray(value)) return [`--${name}`, String(value)]
    return repeated.has(name)
      ? value.flatMap((one) => [`--${name}`, String(one)])
      : [`--${name}`, value.join(',')]
  })
}

/** What to type to do the same again, in another folder. */
export function recipeLine(name: string, { data, overrides, common, smoke }: RecipeRun): string {
  const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`])
  return shellLine([
    'recipe',
    name,
    ...pairs('--data', data),
    ...pairs('--set', overrides),
    ...(smoke ? ['--smoke'] : []),
    ...Object.entries(common).flatMap(([key, value]) => [`--${key}`, String(value)]),
    '--out',
    'DIR',
  ])
}

/** A command as one would type it. */
export function shellLine(argv: readonly string[]): string {
  const quoted = argv.map((part) =>
    /^[\w./:,=@%+-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`,
  )
  return ['densehybrid', ...quoted].join(' ')
}
