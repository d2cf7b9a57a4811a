import type { Flags, Values } from './flags.ts'
import type { COMMON_FLAGS } from './options.ts'
import type { Ui } from './ui.ts'

/** What a command gets besides its options. */
export interface CommandContext {
  ui: Ui
  /** Fires at the first Ctrl-C. */
  signal: AbortSignal
}

/** A line of help: flags (camelCase, separated by commas) and their text; `{name}` is replaced by that flag's default. */
export type HelpRow = readonly [flags: string, text: string]

/** One command: how it is typed and what it runs. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** After the command's name, e.g. "INPUT… --model CKPT --out DIR". */
  readonly usage: string
  /** What to type, shown first. */
  readonly examples: readonly string[]
  readonly flags: Flags
  readonly help: readonly HelpRow[]
  /** Lines between usage and flags. */
  readonly details?: readonly string[]
  /** How many arguments that are not flags it takes. */
  readonly inputs?: { min: number; max: number; name: string }
  /** Resolves with the exit code, 0 when absent. */
  run(options: never, inputs: string[], context: CommandContext): Promise<number | undefined>
}

/** Infers the types of a command's options from its flags. */
export function defineCommand<F extends Flags>(
  command: Omit<Command, 'run' | 'flags'> & {
    flags: F
    run(
      options: Values<Omit<typeof COMMON_FLAGS, keyof F> & F>,
      inputs: string[],
      context: CommandContext,
    ): Promise<number | undefined>
  },
): Command {
  return command as unknown as Command
}
