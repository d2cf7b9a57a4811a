import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type Document, parseDocument } from 'yaml'
import { z } from 'zod'
import { packageRoot } from '../../binding/load.ts'
import { fileError } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'
import { nearest } from '../../validate.ts'
import { UsageError } from '../usage-error.ts'
import { checkPlaceholders } from './placeholders.ts'

/** The commands that a stage may run. */
export const STAGE_COMMANDS = ['convert', 'train', 'finetune', 'train-flow', 'calibrate', 'evaluate'] as const

/** One of {@link STAGE_COMMANDS}. */
export type StageCommand = (typeof STAGE_COMMANDS)[number]

/** A value of a flag, as in a configuration file. */
export type StageValue = string | number | boolean | readonly (string | number)[]

/** One step of an experiment: a command with its flags. */
export interface Stage {
  readonly name: string
  readonly command: StageCommand
  /** Of a conversion: the file to convert. */
  readonly input?: string
  /** By the names of flags; texts may hold `{name}`: the folder of a data set, or of an earlier stage. */
  readonly flags: Readonly<Record<string, StageValue>>
  /** Of an evaluation: the row of the results that it fills. */
  readonly row?: string
  /** Of an evaluation: the table that the row belongs to. */
  readonly table?: string
}

/** An experiment: the data that it needs and the commands that it runs, in order. */
export interface Recipe {
  readonly name: string
  readonly title: string
  readonly about: string
  /** What each `--data NAME=DIR` has to be. */
  readonly data: Readonly<Record<string, string>>
  readonly stages: readonly Stage[]
  /** Flags that `--smoke` changes in every stage that has them. */
  readonly smoke: Readonly<Record<string, StageValue>>
  /** The file as it is, with the sources of its values. */
  readonly text: string
  /** SHA-256 of `text`. */
  readonly hash: string
}

/** Names a data set or a stage, and the stage's folder. */
export const stageName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'a name of lower-case letters, digits and -')
const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))])
const flags = z.record(z.string(), value)
const file = z.strictObject({
  title: z.string(),
  about: z.string(),
  data: z.record(stageName, z.string()),
  smoke: flags.default({}),
  stages: z.record(
    stageName,
    z.strictObject({
      run: z.enum(STAGE_COMMANDS),
      input: z.string().optional(),
      with: flags,
      row: z.string().optional(),
      table: z.string().optional(),
    }),
  ),
  // Where a recipe keeps values that several stages share, by YAML anchors.
  shared: z.unknown().optional(),
})

/** Folder of the recipes that come with the package. */
const FOLDER = join(packageRoot, 'recipes')

/** Names of the recipes that come with the package. */
export async function recipeNames(): Promise<string[]> {
  const names = await readdir(FOLDER)
  return names
    .filter((entry) => entry.endsWith('.yaml'))
    .map((entry) => basename(entry, '.yaml'))
    .sort()
}

/**
 * A recipe that comes with the package, or one of the user's own: a path that ends in .yaml or .yml.
 *
 * @throws UsageError for an unknown name; DenseHybridError `NOT_FOUND`, or `INVALID_CONFIG` naming the file and the place
 */
export async function loadRecipe(nameOrFile: string): Promise<Recipe> {
  if (/\.ya?ml$/.test(nameOrFile)) return readRecipe(nameOrFile)
  const known = await recipeNames()
  if (known.includes(nameOrFile)) return readRecipe(join(FOLDER, `${nameOrFile}.yaml`))
  const near = nearest(nameOrFile, known)
  throw new UsageError(
    `unknown recipe ${nameOrFile}.${near === undefined ? ` There are ${known.join(', ')}; your own is a .yaml file.` : ` Did you mean ${near}?`}`,
  )
}

async function readRecipe(path: string): Promise<Recipe> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw fileError(path, error)
  }
  return parseRecipe(text, path)
}

/** @param path of the file: names the recipe, and where something is wrong */
export function parseRecipe(text: string, path: string): Recipe {
  const document = parseDocument(text, { merge: true })
  const [broken] = document.errors
  if (broken !== undefined) throw wrong(path, broken.message.split('\n')[0])
  const parsed = file.safeParse(plain(document, path))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw wrong(path, `${issue.path.join('.') || 'the file'}: ${issue.message}`)
  }
  const { title, about, data, smoke, stages } = parsed.data
  const recipe: Recipe = {
    name: basename(path, extname(path)),
    title,
    about,
    data,
    smoke,
    stages: Object.entries(stages).map(([name, { run, input, with: given, row, table }]) => ({
      name,
      command: run,
      ...(input !== undefined && { input }),
      flags: given,
      ...(row !== undefined && { row }),
      ...(table !== undefined && { table }),
    })),
    text,
    hash: createHash('sha256').update(text).digest('hex'),
  }
  if (recipe.stages.length === 0) throw wrong(path, 'stages: at least one is needed')
  const lost = recipe.stages.find((stage) => (stage.command === 'convert') !== (stage.input !== undefined))
  if (lost !== undefined)
    throw wrong(path, `stages.${lost.name}: input: FILE goes with run: convert, and no other`)
  const fault = checkPlaceholders(recipe)
  if (fault !== undefined) throw wrong(path, fault)
  return recipe
}

/** Aliases are resolved here, and may be missing or multiply without end. */
function plain(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw wrong(path, (error as Error).message)
  }
}

function wrong(path: string, reason: string): DenseHybridError {
  return new DenseHybridError('INVALID_CONFIG', `${path} is no recipe: ${reason}.`, {
    hint: 'Recipes that work: densehybrid recipe NAME --print',
  })
}
