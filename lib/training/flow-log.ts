import type { FlowProgress } from './flow-fit.ts'
import { LineLog } from './line-log.ts'

/** One line of log.jsonl of a flow's training. */
export interface FlowStepLine {
  readonly type: 'step'
  readonly epoch: number
  /** Completed steps of the run. */
  readonly step: number
  /** Mean since the line before. */
  readonly bitsPerDim: number
  readonly learningRate: number
  readonly gradNorm: number
  readonly patchesPerSecond: number
  /** Share of time spent in waiting for data, 0 … 1. */
  readonly waiting: number
  /** Bytes that the process holds. */
  readonly memory: number
}

/** Writes log.jsonl of a flow's training: the first step, then one line every `every` steps. */
export class FlowLog {
  readonly #lines: LineLog
  readonly #every: number
  #sum = 0
  #steps = 0

  constructor(path: string, every: number) {
    this.#lines = new LineLog(path)
    this.#every = every
  }

  /** Removes the lines behind `step`: a resumed run writes them again. */
  async rewind(step: number): Promise<void> {
    await this.#lines.rewind(step)
  }

  /** Takes one step. */
  add({ epoch, step, bitsPerDim, learningRate, gradNorm, patchesPerSecond, waiting }: FlowProgress): void {
    this.#sum += bitsPerDim
    this.#steps++
    if (step !== 1 && step % this.#every !== 0) return
    const line: FlowStepLine = {
      type: 'step',
      epoch,
      step,
      bitsPerDim: this.#sum / this.#steps,
      learningRate,
      gradNorm,
      patchesPerSecond,
      waiting,
      memory: process.memoryUsage.rss(),
    }
    this.#sum = 0
    this.#steps = 0
    this.#lines.write(line)
  }
}
