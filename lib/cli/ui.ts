import cliProgress from 'cli-progress'
import Table from 'cli-table3'
import picocolors from 'picocolors'

/** One running task: a bar on a terminal, a plain line every few seconds elsewhere, nothing when quiet. */
export interface Progress {
  /** `done` may be a fraction; `detail` is shown after the bar, e.g. "loss 0.41". */
  update(done: number, detail?: string): void
  /** Ends the task; a `summary` replaces the last detail and says that all is done. Calling it again does nothing. */
  stop(summary?: string): void
}

/** Where the command line writes. */
export interface UiOptions {
  quiet?: boolean
  stdout?: NodeJS.WriteStream
  stderr?: NodeJS.WriteStream
  env?: NodeJS.ProcessEnv
  /** Milliseconds between two plain progress lines. */
  interval?: number
}

type Colors = ReturnType<typeof picocolors.createColors>

/** Results go to stdout, everything else to stderr. */
export class Ui {
  readonly quiet: boolean
  /** Colours for text that goes to stdout. */
  readonly colors: Colors
  /** Colours for text that goes to stderr. */
  readonly noteColors: Colors
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  readonly #interval: number
  readonly #warned = new Set<string>()
  readonly #running = new Set<Progress>()

  constructor(options: UiOptions = {}) {
    const env = options.env ?? process.env
    this.quiet = options.quiet ?? false
    this.#stdout = options.stdout ?? process.stdout
    this.#stderr = options.stderr ?? process.stderr
    this.#interval = options.interval ?? 5000
    this.colors = picocolors.createColors(wantsColor(this.#stdout, env))
    this.noteColors = picocolors.createColors(wantsColor(this.#stderr, env))
  }

  /** A result: the reason the command was run. */
  result(text: string): void {
    this.#stdout.write(`${text}\n`)
  }

  /** A result for programs. */
  json(value: unknown): void {
    this.result(JSON.stringify(value, replaceNonFinite, 2))
  }

  /** Something worth knowing; silent with --quiet unless `always`. */
  note(text: string, options: { always?: boolean } = {}): void {
    if (!this.quiet || options.always) this.#stderr.write(`${text}\n`)
  }

  /** Something that may be wrong; shown even with --quiet, and once. */
  warn(text: string): void {
    if (this.#warned.has(text)) return
    this.#warned.add(text)
    this.#stderr.write(`${this.noteColors.yellow('warning:')} ${text}\n`)
  }

  /** What went wrong, and what to do about it. */
  error(message: string, hint?: string): void {
    this.stop()
    this.#stderr.write(`${this.noteColors.red('densehybrid:')} ${message}\n`)
    for (const line of hint?.split('\n') ?? []) this.#stderr.write(`  ${line}\n`)
  }

  /** Starts a task of `total` steps. */
  progress(title: string, total: number, unit = ''): Progress {
    if (this.quiet) return { update: () => {}, stop: () => {} }
    const progress = this.#stderr.isTTY ? this.#bar(title, total, unit) : this.#lines(title, total, unit)
    this.#running.add(progress)
    return progress
  }

  /** Ends every running task, so that the terminal is left tidy. */
  stop(): void {
    for (const progress of this.#running) progress.stop()
  }

  #bar(title: string, total: number, unit: string): Progress {
    const started = Date.now()
    const bar = new cliProgress.SingleBar({
      stream: this.#stderr,
      format: `${title}  {bar} {percentage} %  {value}/{total}${unit === '' ? '' : ` ${unit}`}  {detail}`,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 18,
      hideCursor: true,
      emptyOnZero: true,
    })
    bar.start(total, 0, { detail: '' })
    const progress: Progress = {
      update: (value, detail = '') => {
        bar.update(Math.floor(value), {
          detail: [detail, eta(started, value, total)].filter((part) => part !== '').join('  '),
        })
      },
      stop: (summary) => {
        if (!this.#running.delete(progress)) return
        if (summary !== undefined) bar.update(total, { detail: `${summary}  ${clock(Date.now() - started)}` })
        bar.stop()
      },
    }
    return progress
  }

  #lines(title: string, total: number, unit: string): Progress {
    const started = Date.now()
    let printed = started
    let last = { done: 0, detail: '' }
    const print = (tail: string) => {
      const percentage = total > 0 ? Math.floor((100 * last.done) / total) : 100
      const count = `${Math.floor(last.done)}/${total}${unit === '' ? '' : ` ${unit}`}`
      this.#stderr.write(
        `${[title, `${percentage} %`, count, tail].filter((part) => part !== '').join('  ')}\n`,
      )
      printed = Date.now()
    }
    const progress: Progress = {
      update: (done, detail = '') => {
        last = { done, detail }
        if (Date.now() - printed < this.#interval) return
        print([detail, eta(started, done, total)].filter((part) => part !== '').join('  '))
      },
      stop: (summary) => {
        if (!this.#running.delete(progress)) return
        if (summary !== undefined) last.done = total
        print(`${summary ?? last.detail}  ${clock(Date.now() - started)}`.trim())
      },
    }
    return progress
  }
}

/** A plain table: no borders, the first column left, numbers right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
  ]
  const lines = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle']
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    chars: Object.fromEntries([...none, ...lines].map((name) => [name, ''])),
    style: { head: [], border: [], 'padding-left': 1, 'padding-right': 1 },
  })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** 83 000 ms → "1:23" */
export function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  const pad = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${pad(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}`
}

/** 0.8136 → "81.4"; not a number → "–" */
export function percent(value: number | undefined, digits = 1): string {
  return value === undefined || !Number.isFinite(value) ? '–' : (100 * value).toFixed(digits)
}

function eta(started: number, done: number, total: number): string {
  if (done <= 0 || done >= total) return ''
  return `ETA ${clock(((Date.now() - started) * (total - done)) / done)}`
}

function wantsColor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0') return true
  return stream.isTTY === true && env.TERM !== 'dumb'
}

/** JSON has no NaN: null stands for "not defined". */
function replaceNonFinite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}
