#!/usr/bin/env node
import { DenseHybridError } from '../errors.ts'
import { nearest } from '../validate.ts'
import type { Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import { commandHelp, mainHelp } from './help.ts'
import { COMMON_FLAGS, formatConfig, parseCommandLine } from './options.ts'
import { Ui } from './ui.ts'
import { EXIT, UsageError } from './usage-error.ts'
import { packageVersion } from './version.ts'

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController()
  let ui = new Ui()
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done)
    throw error
  })
  process.on('SIGINT', () => {
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted)
    ui.note('\nStopping; state is saved first. Ctrl-C again stops at once.')
    interrupt.abort()
  })
  try {
    const [name, ...rest] = argv
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      ui.result(await overview(rest[0]))
      return EXIT.done
    }
    if (name === '--version' || name === '-v') {
      ui.result(packageVersion())
      return EXIT.done
    }
    const command = await findCommand(name)
    const flags = { ...COMMON_FLAGS, ...command.flags }
    const { values, inputs } = await parseCommandLine(command.name, flags, rest)
    if (values.help === true) {
      ui.result(commandHelp(command))
      return EXIT.done
    }
    checkInputs(command, inputs)
    if (values.printConfig === true) {
      ui.result(await formatConfig(flags, values, values.json === true))
      return EXIT.done
    }
    ui = new Ui({ quiet: values.quiet === true })
    return (await command.run(values as never, inputs, { ui, signal: interrupt.signal })) ?? EXIT.done
  } catch (error) {
    return report(ui, error)
  } finally {
    ui.stop()
  }
}

async function overview(name: string | undefined): Promise<string> {
  if (name !== undefined && name in COMMANDS) return commandHelp(await COMMANDS[name]())
  return mainHelp(await Promise.all(Object.values(COMMANDS).map((load) => load())), packageVersion())
}

async function findCommand(name: string): Promise<Command> {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]()
  const kind = name.startsWith('-') ? 'option' : 'command'
  const near = nearest(
    name.replace(/^-+/, ''),
    kind === 'option' ? ['help', 'version'] : Object.keys(COMMANDS),
  )
  const dashes = kind === 'option' ? '--' : ''
  throw new UsageError(
    `unknown ${kind} ${name}.${near === undefined ? ' See --help.' : ` Did you mean ${dashes}${near}?`}`,
  )
}

function checkInputs(command: Command, inputs: readonly string[]): void {
  const { min, max, name } = command.inputs ?? { min: 0, max: 0, name: '' }
  if (inputs.length < min) throw new UsageError(`${command.name} needs ${name}`)
  if (inputs.length > max) throw new UsageError(`${command.name} does not take the argument "${inputs[max]}"`)
}

/** Prints an error the way its kind deserves and returns the exit code. */
function report(ui: Ui, error: unknown): number {
  if (process.env.DEBUG) console.error(error)
  if (error instanceof UsageError) {
    ui.error(error.message)
    return EXIT.misuse
  }
  if (error instanceof DenseHybridError) {
    if (error.code === 'ABORTED') {
      ui.error('interrupted')
      return EXIT.interrupted
    }
    ui.error(error.message, error.hint)
    return error.code === 'INVALID_CONFIG' ? EXIT.misuse : EXIT.failed
  }
  ui.error(
    error instanceof Error ? error.message : String(error),
    'Set DEBUG=1 to see where this comes from.',
  )
  return EXIT.failed
}
