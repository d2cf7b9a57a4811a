import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { fileError } from '../data/read-bytes.ts'
import { throwIfAborted } from '../errors.ts'
import type { AnomalyResult } from '../evaluation/anomaly.ts'
import type { ThresholdCurve } from '../evaluation/curve.ts'
import { curveCsv } from '../evaluation/curve-export.ts'
import { decimateCurve } from '../evaluation/decimate.ts'
import type { Evaluation } from '../evaluation/evaluation.ts'
import { type ScoreHistogram, scoreHistogram } from '../evaluation/histogram.ts'
import type { ScoreName } from '../scores.ts'
import {
  type Chart,
  type CurveSeries,
  classGapChart,
  componentChart,
  curveSeries,
  openMIoUChart,
  precisionRecallChart,
  rocChart,
  scoreHistogramChart,
  writeChart,
} from './charts.ts'

/** A curve in a file is nowhere further from the full one than this. */
const CURVE_ERROR = 1e-4

/**
 * The figures of an evaluation. `add` is meant for `onCurve` of `evaluateImages`: of each curve only the decimated
 * points are kept.
 */
export class EvaluationFigures {
  readonly #series: CurveSeries[] = []
  readonly #histograms = new Map<ScoreName, { histogram: ScoreHistogram; threshold: number }>()
  readonly #csv = new Map<ScoreName, string>()

  /** Takes up the curve of one detector. A curve without anomaly or inlier pixels has nothing to draw. */
  add(detector: ScoreName, curve: ThresholdCurve, result: AnomalyResult): void {
    if (curve.positives === 0 || curve.negatives === 0) return
    this.#series.push(curveSeries(detector, curve, result))
    this.#histograms.set(detector, { histogram: scoreHistogram(curve), threshold: result.threshold })
    this.#csv.set(detector, curveCsv(decimateCurve(curve, { maximumError: CURVE_ERROR }).points))
  }

  /**
   * Writes `<detector>.csv` (threshold, tp, fp, tpr, fpr, precision; nowhere further than 10⁻⁴ from the full curve) and
   * every chart that the evaluation has values for, as SVG and PNG.
   *
   * @param folder made where it does not exist
   * @returns the files, in the order in which they were written
   * @throws DenseHybridError IO naming the file; ABORTED
   */
  async write(folder: string, evaluation: Evaluation, signal?: AbortSignal): Promise<string[]> {
    const written: string[] = []
    try {
      await mkdir(folder, { recursive: true })
      for (const [detector, text] of this.#csv) {
        const path = join(folder, `${detector}.csv`)
        await writeFileAtomic(path, text)
        written.push(path)
      }
    } catch (error) {
      throw fileError(folder, error)
    }
    for (const [name, chart] of this.#charts(evaluation)) {
      for (const extension of ['svg', 'png']) {
        throwIfAborted(signal)
        const path = join(folder, `${name}.${extension}`)
        await writeChart(path, chart)
        written.push(path)
      }
    }
    return written
  }

  #charts({ detectors, openSet, tpr }: Evaluation): [string, Chart][] {
    const charts: [string, Chart][] = []
    if (this.#series.length > 0) {
      charts.push(['precision-recall', precisionRecallChart(this.#series)], ['roc', rocChart(this.#series)])
    }
    for (const [detector, { histogram, threshold }] of this.#histograms)
      charts.push([`histogram-${detector}`, scoreHistogramChart(histogram, { detector, threshold })])
    const sweeps = detectors.flatMap(({ detector, sweep }) =>
      sweep
        ? [{ detector, points: sweep.map(({ targetTpr, openMIoU }) => ({ tpr: targetTpr, openMIoU })) }]
        : [],
    )
    if (sweeps.some(({ points }) => points.some(({ openMIoU }) => Number.isFinite(openMIoU)))) {
      const closedMIoU = openSet?.closedMIoU ?? detectors.find((entry) => entry.openSet)?.openSet?.closedMIoU
      charts.push([
        'open-miou',
        openMIoUChart(sweeps, { closedMIoU: closedMIoU ?? Number.NaN, targetTpr: tpr }),
      ])
    }
    if (openSet !== undefined) {
      const { perClass, closedMIoU, openMIoU } = openSet
      charts.push(['class-gap', classGapChart(perClass, { closedMIoU, openMIoU })])
    }
    const components = detectors.flatMap(({ detector, smiyc }) =>
      smiyc?.components === undefined || Number.isNaN(smiyc.components.f1)
        ? []
        : [{ detector, points: smiyc.components.points }],
    )
    if (components.length > 0) charts.push(['components', componentChart(components)])
    return charts
  }
}
