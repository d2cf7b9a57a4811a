import type { Command } from './command.ts'
import { type Flag, kebab } from './flags.ts'

const WIDTH = 80
/** Where the texts of flags begin. */
const COLUMN = 29

/** The list of commands. */
export function mainHelp(commands: readonly Command[], version: string): string {
  return [
    `densehybrid ${version}: open-set semantic segmentation`,
    '',
    '  densehybrid doctor                      what works on this machine',
    '  densehybrid demo                        the whole method in a few minutes',
    '  densehybrid score photos/ --model model.safetensors --out scores/',
    '',
    'Usage: densehybrid <command> [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(11)}${summary}`),
    '',
    'Options: --help (also after a command), --version',
  ].join('\n')
}

/** Help of one command: examples first, then one line for each flag or for flags that belong together. */
export function commandHelp(command: Command): string {
  const rows = command.help.flatMap(([names, text]) => {
    const flags = names.split(',').map((name) => {
      const { placeholder } = command.flags[name]
      return `--${kebab(name)}${placeholder === undefined ? '' : ` ${placeholder}`}`
    })
    return helpLines(flags.join(' '), withDefaults(text, command.flags))
  })
  return [
    command.summary,
    '',
    ...command.examples.map((line) => (/^ |densehybrid/.test(line) ? `  ${line}` : `  densehybrid ${line}`)),
    '',
    `Usage: densehybrid ${command.name} ${command.usage}`.trimEnd(),
    '',
    ...(command.details === undefined ? [] : [...command.details.map((line) => `  ${line}`), '']),
    ...rows,
    ...helpLines('--config FILE', 'options from a file; --print-config shows them all'),
    ...('json' in command.flags
      ? helpLines('--quiet', 'no progress, no notes')
      : helpLines('--quiet --json', 'no progress, no notes; results as JSON')),
  ].join('\n')
}

/** Flags left, text right; a text that does not fit goes on below. */
function helpLines(left: string, text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]
    if (line === '') lines[lines.length - 1] = word
    else if (COLUMN + line.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  const fits = left.length + 4 <= COLUMN
  const first = fits ? [`${`  ${left}`.padEnd(COLUMN)}${lines.shift()}`] : [`  ${left}`]
  return [...first, ...lines.map((line) => ' '.repeat(COLUMN) + line)]
}

function withDefaults(text: string, flags: Readonly<Record<string, Flag>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const { default: value, placeholder } = flags[name]
    if (Array.isArray(value)) return value.join(placeholder === 'H[xW]' ? 'x' : ',')
    return typeof value === 'number' && value !== 0 && value < 1e-3 ? value.toExponential() : String(value)
  })
}
