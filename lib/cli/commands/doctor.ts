import type { Check } from '../../binding/diagnose.ts'
import { defineCommand } from '../command.ts'
import type { Ui } from '../ui.ts'
import { EXIT } from '../usage-error.ts'
import { packageVersion } from '../version.ts'

const SIGNS = { ok: '✔', warn: '!', fail: '✘', info: '–' } as const
const COLUMN = 13

/** The command `doctor`. */
export const command = defineCommand({
  name: 'doctor',
  summary: 'What is installed, what works, what to do about the rest.',
  usage: '',
  examples: ['doctor', 'doctor --json'],
  flags: {},
  details: ['The exit code is 0 when scoring can run, else 1.'],
  help: [],
  async run(options, _inputs, { ui, signal }) {
    const { diagnose } = await import('../../binding/diagnose.ts')
    const checks = await diagnose({ signal })
    const ready = checks.every(({ status }) => status !== 'fail')
    if (options.json) ui.json({ ready, checks })
    else
      ui.result(
        [
          `densehybrid ${packageVersion()}`,
          ...checks.map((check) => formatCheck(check, ui)),
          ready ? 'Ready.' : 'Not ready.',
        ].join('\n'),
      )
    return ready ? EXIT.done : EXIT.failed
  },
})

function formatCheck({ name, status, text, hint }: Check, { colors }: Ui): string {
  const paint = { ok: colors.green, warn: colors.yellow, fail: colors.red, info: colors.dim }[status]
  const lines = [`${paint(SIGNS[status])} ${name.padEnd(COLUMN - 2)}${text}`]
  for (const line of hint?.split('\n') ?? []) lines.push(`${' '.repeat(COLUMN)}${line}`)
  return lines.join('\n')
}
