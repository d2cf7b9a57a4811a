import type { ScoreResult } from '../scoring/scorer.ts'

const PARTS = ['read', 'compute', 'write'] as const

/** Counts what a scoring run did and how fast. */
export class ScoreTally {
  /** Images with results, those of earlier runs included. */
  done = 0
  /** Images that an earlier run had finished. */
  resumed = 0
  skipped = 0
  /** Pixels outside of the range of 16-bit maps, png16 and hdf5. */
  clamped = 0
  #pixels = 0
  readonly #timing = { read: 0, compute: 0, write: 0 }
  readonly #started = performance.now()

  /** Takes the result of one image. */
  add({ status, resumed, height = 0, width = 0, clamped = 0, timing }: ScoreResult): void {
    if (status === 'skipped') this.skipped++
    else this.done++
    if (resumed) this.resumed++
    else this.#pixels += height * width
    this.clamped += clamped
    for (const part of PARTS) this.#timing[part] += timing?.[part] ?? 0
  }

  /** E.g. "8.9 img/s  1.5 MP/s". */
  rates(): string {
    const { imagesPerSecond, megapixelsPerSecond } = this.#speed()
    return `${imagesPerSecond.toFixed(1)} img/s  ${megapixelsPerSecond.toFixed(1)} MP/s`
  }

  /** Which part of the work takes the most time, e.g. "bottleneck: compute 97 %". */
  bottleneck(): string {
    const total = PARTS.reduce((sum, part) => sum + this.#timing[part], 0)
    if (total === 0) return ''
    const slowest = PARTS.reduce((a, b) => (this.#timing[b] > this.#timing[a] ? b : a))
    return `bottleneck: ${slowest} ${Math.round((100 * this.#timing[slowest]) / total)} %`
  }

  toJSON(): Record<string, string | number> {
    const { done, resumed, skipped, clamped } = this
    return { done, resumed, skipped, clamped, ...this.#speed() }
  }

  #speed() {
    const seconds = (performance.now() - this.#started) / 1000
    return {
      imagesPerSecond: (this.done - this.resumed) / seconds,
      megapixelsPerSecond: this.#pixels / 1e6 / seconds,
    }
  }
}
