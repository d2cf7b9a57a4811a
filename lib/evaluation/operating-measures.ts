import type { ScoreName } from '../scores.ts'
import type { OperatingResult, SweepPoint } from './evaluation.ts'
import { OpenSetMetrics } from './open-set.ts'
import { OpenSetSweep } from './open-set-sweep.ts'
import type { ScoredImage } from './scored-image.ts'

/** What is measured of one detector at thresholds that are known. */
export interface OperatingMeasuresOptions {
  readonly detector: ScoreName
  /** Absent: the sweep alone. */
  readonly threshold: number | undefined
  readonly thresholdFrom: OperatingResult['thresholdFrom']
  /** May be empty. */
  readonly sweep: readonly { readonly tpr: number; readonly threshold: number }[]
  readonly classes: readonly string[]
  readonly absent: 'skip' | 'zero'
}

/** Open-set segmentation with one detector: at one threshold, and over a range of them. */
export class OperatingMeasures {
  readonly #options: OperatingMeasuresOptions
  readonly #metrics: OpenSetMetrics
  readonly #sweep: OpenSetSweep | undefined

  constructor(options: OperatingMeasuresOptions) {
    const { classes, absent, sweep } = options
    this.#options = options
    this.#metrics = new OpenSetMetrics({ classes, absent })
    const thresholds = sweep.map(({ threshold }) => threshold)
    if (thresholds.length > 0) this.#sweep = new OpenSetSweep({ classes, absent, thresholds })
  }

  get detector(): ScoreName {
    return this.#options.detector
  }

  get hasThreshold(): boolean {
    return this.#options.threshold !== undefined
  }

  /** Images without a closed-set prediction are passed over. */
  add({ id, labels, closed, scores }: ScoredImage): void {
    if (closed === undefined) return
    const { detector, threshold } = this.#options
    const score = scores[detector]
    this.#sweep?.add({ labels, closed, scores: score }, id)
    if (threshold === undefined) return
    const unknown = this.#metrics.classes.length
    const open = closed.map((label, i) => (score[i] > threshold ? unknown : label))
    this.#metrics.add({ labels, closed, open }, id)
  }

  openSet(): OperatingResult {
    const { detector, threshold = Number.NaN, thresholdFrom } = this.#options
    return { detector, threshold, thresholdFrom, ...this.#metrics.result() }
  }

  /** The open-set metrics of every TPR of the sweep, in its order; absent where there is none. */
  sweepResult(): SweepPoint[] | undefined {
    const points = this.#sweep?.result()
    if (points === undefined) return undefined
    return this.#options.sweep.map(({ tpr, threshold }) => {
      const point = points.find((candidate) => candidate.threshold === threshold)!
      return { tpr, ...point }
    })
  }
}
