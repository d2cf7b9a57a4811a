import { access, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { nearest } from '../validate.ts'
import { type Flag, type Flags, kebab, nearestWord, text, toggle } from './flags.ts'
import { UsageError } from './usage-error.ts'

/** Flags that every command has; a command may give `json` another meaning. */
export const COMMON_FLAGS = {
  config: text('FILE'),
  printConfig: toggle(),
  quiet: toggle({ short: 'q' }),
  json: toggle(),
  help: toggle({ short: 'h' }),
} satisfies Flags

/** Flags that make no sense inside a configuration file. */
const NOT_IN_CONFIG = ['config', 'printConfig', 'help']

/** Flags that say how to run, not what. */
const NOT_SAVED = [...NOT_IN_CONFIG, 'quiet', 'json', 'resume', 'overwrite']

/** Values after merging, by camelCase name, and the arguments that are not flags. */
export interface ParsedCommandLine {
  values: Record<string, unknown>
  inputs: string[]
}

/** A value as it was given, before its flag has checked it. `where` names it in messages, e.g. "--steps". */
interface Given {
  value: unknown
  where: string
}

/**
 * Reads flags and arguments, merges defaults < configuration file < flags, and checks every value.
 * Throws UsageError that names the flag, what was expected and what came.
 */
export async function parseCommandLine(
  command: string,
  flags: Flags,
  argv: readonly string[],
): Promise<ParsedCommandLine> {
  const { given, inputs } = readArguments(flags, argv)
  const values: Record<string, unknown> = {}
  if (given.help !== undefined) return { values: { help: true }, inputs }
  const file = given.config?.at(-1)?.value ?? (await configOfRun(given))
  const configured = typeof file === 'string' ? await readConfigFile(file, flags) : {}
  for (const [name, flag] of Object.entries(flags)) {
    const source = given[name] ?? configured[name]
    values[name] = source === undefined ? flag.default : combine(flag, source)
  }
  const missing = Object.keys(flags).filter((name) => flags[name].required && isEmpty(values[name]))
  if (missing.length > 0) {
    const names = missing.map((name) => `--${kebab(name)} ${flags[name].placeholder ?? ''}`.trim())
    throw new UsageError(`${command} needs ${names.join(' and ')}`)
  }
  return { values, inputs }
}

/** Values in the form of a configuration file, without flags that make no sense there. */
export function savedConfig(values: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(values).filter((name) => !NOT_SAVED.includes(name))
  return Object.fromEntries(names.map((name) => [kebab(name), values[name]]))
}

/** All values that a command would run with, in a form that `--config` reads again. */
export async function formatConfig(
  flags: Flags,
  values: Record<string, unknown>,
  asJson: boolean,
): Promise<string> {
  const shown = Object.keys(flags).filter((name) => !NOT_IN_CONFIG.includes(name))
  const set = shown.filter((name) => values[name] !== undefined)
  const config = Object.fromEntries(set.map((name) => [kebab(name), configValue(flags[name], values[name])]))
  if (asJson) return JSON.stringify(config, null, 2)
  const { stringify } = await import('yaml')
  const unset = shown
    .filter((name) => values[name] === undefined)
    .map((name) => `# ${kebab(name)}: (not set)`)
  return [stringify(config, { flowCollectionPadding: false }).trimEnd(), ...unset].join('\n')
}

function configValue(flag: Flag, value: unknown): unknown {
  return flag.placeholder === 'H[xW]' && Array.isArray(value) ? value.join('x') : value
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0)
}

/** A run that is resumed has the options it was started with. */
async function configOfRun(given: Record<string, Given[]>): Promise<string | undefined> {
  const out = given.out?.at(-1)?.value
  if (given.resume === undefined || typeof out !== 'string') return undefined
  const path = join(out, 'config.json')
  return access(path).then(
    () => path,
    () => undefined,
  )
}

function readArguments(
  flags: Flags,
  argv: readonly string[],
): { given: Record<string, Given[]>; inputs: string[] } {
  const byName = new Map(Object.keys(flags).map((name) => [kebab(name), name]))
  const options = Object.fromEntries(
    [...byName].map(([name, key]) => {
      const { placeholder, short } = flags[key]
      const type = placeholder === undefined ? ('boolean' as const) : ('string' as const)
      return [name, { type, multiple: true, ...(short === undefined ? {} : { short }) }]
    }),
  )
  const { tokens } = parseArgs({
    args: joinNegativeNumbers(argv, options),
    options,
    strict: false,
    tokens: true,
  })
  const given: Record<string, Given[]> = {}
  const inputs: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') inputs.push(token.value)
    if (token.kind !== 'option') continue
    const name = byName.get(token.name)
    if (name === undefined) throw unknownFlag(token.rawName, [...byName.keys()])
    const isSwitch = flags[name].placeholder === undefined
    if (!isSwitch && (token.value === undefined || (!token.inlineValue && /^-./.test(token.value)))) {
      throw new UsageError(`expected ${flags[name].expected} for ${token.rawName} but received nothing`)
    }
    given[name] ??= []
    given[name].push({ value: isSwitch ? (token.value ?? true) : token.value, where: token.rawName })
  }
  return { given, inputs }
}

/** `--threshold -1.5` means a negative number, not a flag named 1. */
function joinNegativeNumbers(argv: readonly string[], options: Record<string, { type: string }>): string[] {
  const joined: string[] = []
  for (const argument of argv) {
    const previous = joined.at(-1) ?? ''
    const takesValue = previous.startsWith('--') && options[previous.slice(2)]?.type === 'string'
    if (takesValue && /^-[\d.]/.test(argument)) joined[joined.length - 1] = `${previous}=${argument}`
    else joined.push(argument)
  }
  return joined
}

function unknownFlag(rawName: string, known: readonly string[]): UsageError {
  const near = nearest(rawName.replace(/^-+/, ''), known)
  return new UsageError(
    `unknown option ${rawName}.${near === undefined ? ' See --help.' : ` Did you mean --${near}?`}`,
  )
}

/** Reads a YAML, TOML or JSON file whose keys are the names of flags. */
async function readConfigFile(path: string, flags: Flags): Promise<Record<string, Given[]>> {
  const config = await parseConfigFile(path)
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError(`expected names and values in ${path} but it holds none`)
  }
  const byName = new Map(
    Object.keys(flags)
      .filter((name) => !NOT_IN_CONFIG.includes(name))
      .map((name) => [kebab(name), name]),
  )
  const given: Record<string, Given[]> = {}
  for (const [key, value] of Object.entries(config)) {
    const name = byName.get(key)
    if (name === undefined) {
      const near = nearest(key, [...byName.keys()])
      throw new UsageError(
        `unknown option ${key} in ${path}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
      )
    }
    if (value === null || value === undefined) continue
    const items = flags[name].many && Array.isArray(value) ? value : [value]
    given[name] = items.map((item) => ({ value: item, where: `${key} in ${path}` }))
  }
  return given
}

async function parseConfigFile(path: string): Promise<unknown> {
  const parsers: Record<string, (source: string) => Promise<unknown>> = {
    '.yaml': async (source) => (await import('yaml')).parse(source),
    '.yml': async (source) => (await import('yaml')).parse(source),
    '.toml': async (source) => (await import('smol-toml')).parse(source),
    '.json': async (source) => JSON.parse(source),
  }
  const parse = parsers[extname(path).toLowerCase()]
  if (parse === undefined)
    throw new UsageError(`expected a .yaml, .toml or .json file for --config but received "${path}"`)
  let source: string
  try {
    source = await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(
      `cannot read the configuration ${path}: ${(error as NodeJS.ErrnoException).code ?? error}`,
    )
  }
  try {
    return await parse(source)
  } catch (error) {
    throw new UsageError(`${path} cannot be parsed: ${(error as Error).message.split('\n')[0]}`)
  }
}

/** Checks what was given; a flag given several times is a list, merged names, or the last one counts. */
function combine(flag: Flag, given: readonly Given[]): unknown {
  const checked = given.map(({ value, where }) => {
    const result = flag.schema.safeParse(value)
    if (result.success) return result.data
    const near = nearestWord(flag, value)
    const shown = typeof value === 'string' ? `"${value}"` : JSON.stringify(value)
    const suffix = near === undefined ? '' : `. Did you mean ${near}?`
    throw new UsageError(`expected ${flag.expected} for ${where} but received ${shown}${suffix}`)
  })
  if (!flag.many) return checked.at(-1)
  if (Array.isArray(flag.default)) return checked.flat()
  return Object.assign({}, ...checked)
}
