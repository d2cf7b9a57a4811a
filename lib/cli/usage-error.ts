/** The command line itself is wrong: exit code 2, one line that names what and the nearest valid alternative. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, misuse: 2, skipped: 3, interrupted: 130 } as const
