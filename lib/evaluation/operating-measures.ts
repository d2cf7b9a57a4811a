import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import type { ScoreName } from '../scores.ts'
import { tensor } from '../tensor.ts'
import { BootstrapConfusion } from './bootstrap-confusion.ts'
import type { OpenMIoUPoint, OperatingResult } from './evaluation.ts'
import type { Interval } from './intervals.ts'
import { OpenSetMetrics } from './open-set.ts'
import { OpenSetSweep } from './open-set-sweep.ts'
import { anomalyTarget } from './passes.ts'
import type { BootstrapOptions } from './resampling-run.ts'
import type { ScoredImage } from './scored-image.ts'
import {
  type ComponentImage,
  ComponentMetrics,
  type ComponentResult,
  type SmiycTrack,
} from './smiyc/component-metrics.ts'

/** What is measured of one detector at thresholds that are known. */
export interface OperatingMeasuresOptions {
  readonly detector: ScoreName
  /** Absent: the sweep alone. */
  readonly threshold: number | undefined
  readonly thresholdFrom: OperatingResult['thresholdFrom']
  /** May be empty. */
  readonly sweep: readonly { readonly tpr: number; readonly threshold: number }[]
  /** Where components are measured, too. */
  readonly smiyc: { readonly track: SmiycTrack; readonly threshold: number } | undefined
  readonly classes: readonly string[]
  readonly absent: 'skip' | 'zero'
  /** Whether the interval of open-mIoU is asked for. */
  readonly bootstrap: boolean
}

/** Open-set segmentation with one detector: at one threshold, and over a range of them. */
export class OperatingMeasures {
  readonly #options: OperatingMeasuresOptions
  /** Absent without class labels. */
  readonly #metrics: OpenSetMetrics | undefined
  readonly #sweep: OpenSetSweep | undefined
  readonly #components: ComponentMetrics | undefined
  /** Of the K known classes and unknown. */
  readonly #resampled: BootstrapConfusion | undefined

  constructor(options: OperatingMeasuresOptions) {
    const { classes, absent, sweep, smiyc, bootstrap } = options
    this.#options = options
    if (classes.length > 0) this.#metrics = new OpenSetMetrics({ classes, absent })
    const thresholds = sweep.map(({ threshold }) => threshold)
    if (thresholds.length > 0) this.#sweep = new OpenSetSweep({ classes, absent, thresholds })
    if (smiyc) this.#components = new ComponentMetrics(smiyc)
    if (bootstrap && classes.length > 0) {
      const averaged = classes.length
      this.#resampled = new BootstrapConfusion(averaged + 1, { ignore: IGNORE_LABEL, averaged, absent })
    }
  }

  get detector(): ScoreName {
    return this.#options.detector
  }

  get hasThreshold(): boolean {
    return this.#options.threshold !== undefined
  }

  /** Open-set metrics pass over images without a closed-set prediction. */
  add({ id, size, labels, closed, scores }: ScoredImage): void {
    const { detector, threshold } = this.#options
    const score = scores[detector]
    if (this.#components !== undefined) {
      const [height, width] = size
      const target = tensor(anomalyTarget(labels), [height, width])
      this.#components.add(tensor(score, [height, width]), target, id)
    }
    if (closed === undefined) return
    this.#sweep?.add({ labels, closed, scores: score }, id)
    if (threshold === undefined || this.#metrics === undefined) return
    const unknown = this.#metrics.classes.length
    const open = closed.map((label, i) => (score[i] > threshold ? unknown : label))
    this.#metrics.add({ labels, closed, open }, id)
    const truth = labels.map((label) => (label === UNKNOWN_LABEL ? unknown : label))
    this.#resampled?.add(truth, open, id)
  }

  /** Absent without class labels, and without a threshold. */
  openSet(): OperatingResult | undefined {
    const { detector, threshold, thresholdFrom } = this.#options
    if (threshold === undefined || this.#metrics === undefined) return undefined
    return { detector, threshold, thresholdFrom, ...this.#metrics.result() }
  }

  /** The interval of open-mIoU; absent where it was not asked for. */
  async interval(options: BootstrapOptions): Promise<Interval | undefined> {
    return (await this.#resampled?.intervals(options))?.meanIoU
  }

  /** Absent where no components were to be measured. */
  components(): { result: ComponentResult; images: readonly ComponentImage[] } | undefined {
    return this.#components && { result: this.#components.result(), images: this.#components.images() }
  }

  /** The open-set metrics of every TPR of the sweep, in its order; absent where there is none. */
  sweepResult(): OpenMIoUPoint[] | undefined {
    const points = this.#sweep?.result()
    if (points === undefined) return undefined
    return this.#options.sweep.map(({ tpr: targetTpr, threshold }) => {
      const point = points.find((candidate) => candidate.threshold === threshold)!
      const { tpr, fpr, openMIoU, unknownIoU, perClass } = point
      return {
        targetTpr,
        threshold,
        tpr,
        fpr,
        openMIoU,
        unknownIoU,
        perClass: perClass.map(({ open }) => open),
      }
    })
  }
}
