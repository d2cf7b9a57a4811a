import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** A process that answers every line with one line of JSON, so that several can work in turn. */
export class Worker {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>
  readonly #name: string

  constructor(command: string, args: readonly string[]) {
    this.#name = [command, args.find((arg) => /\.(py|ts)$/.test(arg))].join(' ')
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.on('error', (error) => console.error(`${this.#name}: ${error.message}`))
    this.#child.stdin.on('error', () => {}) // the process is gone; answer() says so
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async ask<Answer>(line: string): Promise<Answer> {
    this.#child.stdin.write(`${line}\n`)
    return this.answer()
  }

  /** The next line it prints by itself, e.g. when it is ready. */
  async answer<Answer>(): Promise<Answer> {
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`${this.#name} ended before it answered`)
    return JSON.parse(value)
  }

  /** A worker ends when its input does. */
  stop(): void {
    this.#child.stdin.end()
  }
}
