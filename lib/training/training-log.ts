import { LineLog } from './line-log.ts'
import { addLosses, emptySums, type Losses, meanLosses, type TrainingProgress } from './progress.ts'

/** One line of log.jsonl: the means since the line before. */
export interface StepLine {
  readonly type: 'step'
  readonly epoch: number
  /** Completed steps of the run. */
  readonly step: number
  readonly losses: Losses
  readonly learningRate: number
  readonly gradNorm: number
  readonly imagesPerSecond: number
  /** Share of time spent in waiting for data, 0 … 1. */
  readonly waiting: number
  /** Bytes that the process holds. */
  readonly memory: number
}

/** One line of log.jsonl at the end of an epoch that was validated. */
export interface EpochLine {
  readonly type: 'epoch'
  readonly epoch: number
  /** Completed steps of the run. */
  readonly step: number
  readonly validation: unknown
}

/** Writes log.jsonl of a training run: one line every `every` steps and one for each validation. */
export class TrainingLog {
  readonly #lines: LineLog
  readonly #every: number
  #sums = emptySums()
  #step = 0

  constructor(path: string, every: number) {
    this.#lines = new LineLog(path)
    this.#every = every
  }

  /** Removes the lines behind `step`: a resumed run writes them again. */
  async rewind(step: number): Promise<void> {
    await this.#lines.rewind(step)
  }

  /** Takes one step. */
  add({ epoch, step, losses, learningRate, gradNorm, imagesPerSecond, waiting }: TrainingProgress): void {
    this.#step = step
    addLosses(this.#sums, losses)
    if (this.#sums.steps < this.#every) return
    const means = meanLosses(this.#sums)
    this.#sums = emptySums()
    const memory = process.memoryUsage.rss()
    this.#write({
      type: 'step',
      epoch,
      step,
      losses: means,
      learningRate,
      gradNorm,
      imagesPerSecond,
      waiting,
      memory,
    })
  }

  /** Takes what was measured at the end of an epoch. */
  addValidation(epoch: number, validation: unknown): void {
    this.#write({ type: 'epoch', epoch, step: this.#step, validation })
  }

  #write(line: StepLine | EpochLine): void {
    this.#lines.write(line)
  }
}
