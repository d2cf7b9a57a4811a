import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { decode } from 'fast-png'
import { AnomalyMetrics } from '../../lib/evaluation/anomaly.ts'
import { scoreHistogram } from '../../lib/evaluation/histogram.ts'
import { detectorColours } from '../../lib/report/charts/detectors.ts'
import { outlineText } from '../../lib/report/charts/outline-text.ts'
import {
  type Chart,
  type CurveSeries,
  classGapChart,
  componentChart,
  curveSeries,
  openMIoUChart,
  precisionRecallChart,
  renderChart,
  rocChart,
  scoreHistogramChart,
  writeChart,
} from '../../lib/report/charts.ts'
import { SCORE_NAMES } from '../../lib/scores.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'

/** Scores of 2000 pixels in which every tenth is an anomaly that lies higher by `shift`. */
function metricsOf(shift: number): AnomalyMetrics {
  const scores = Float32Array.from({ length: 2000 }, (_, i) => {
    return ((Math.imul(i + 1, 2654435761) >>> 8) % 1000) / 1000 + (i % 10 === 0 ? shift : 0)
  })
  return new AnomalyMetrics().add(
    scores,
    Uint8Array.from(scores, (_, i) => (i % 10 === 0 ? 1 : 0)),
  )
}

function seriesOf(detector: string, metrics: AnomalyMetrics, title?: string): CurveSeries {
  return curveSeries(detector, metrics.curve(), metrics.result(), title === undefined ? {} : { title })
}

interface Layer {
  readonly data: { readonly values: Record<string, unknown>[] }
  readonly encoding?: Record<string, { readonly field?: string }>
}
const layersOf = (chart: Chart) => (chart as unknown as { layer: Layer[] }).layer
const valuesOf = (chart: Chart, layer: number) => layersOf(chart)[layer].data.values
const subtitleOf = (chart: Chart) =>
  (chart as unknown as { title: { subtitle: string[] } }).title.subtitle.join(' ')

/** The text of an SVG, each line of it once. */
const textOf = (svg: string) =>
  [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map(([, text]) => text).join('\n')

/** Pixels darker than mid-grey in the upper left corner, where the title is. */
function darkPixels(png: Buffer, width: number, height: number): number {
  const image = decode(png)
  let count = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) if (image.data[(y * image.width + x) * image.channels] < 128) count++
  }
  return count
}

const hybrid = seriesOf('hybrid', metricsOf(0.6))
const entropy = seriesOf('entropy', metricsOf(0.3))
const noAnomaly = seriesOf(
  'maxLogit',
  new AnomalyMetrics().add(new Float32Array([1, 0]), new Uint8Array([0, 0])),
)
const twoPoints = seriesOf(
  'generative',
  new AnomalyMetrics().add(new Float32Array([1, 0, 1, 0]), new Uint8Array([1, 0, 0, 1])),
)

const CITYSCAPES =
  'road,sidewalk,building,wall,fence,pole,traffic light,traffic sign,vegetation,terrain,sky,person,rider,car,truck,bus,train,motorcycle,bicycle'.split(
    ',',
  )
const perClass = CITYSCAPES.map((name, k) => ({
  name,
  closed: name === 'train' ? Number.NaN : 0.95 - 0.02 * k,
  open: name === 'train' ? Number.NaN : 0.9 - 0.022 * k,
}))
const sweep = [0.2, 0.9, 0.5].map((tpr) => ({ tpr, openMIoU: 0.7 - (tpr - 0.5) ** 2 }))

const charts: Record<string, () => Chart> = {
  precisionRecall: () => precisionRecallChart([entropy, hybrid, noAnomaly, twoPoints]),
  roc: () => rocChart([entropy, hybrid, noAnomaly, twoPoints]),
  histogram: () =>
    scoreHistogramChart(scoreHistogram(metricsOf(0.6).curve()), { detector: 'hybrid', threshold: 0.7 }),
  countHistogram: () =>
    scoreHistogramChart(scoreHistogram(metricsOf(0.6).curve()), { detector: 'hybrid', height: 'count' }),
  openMIoU: () =>
    openMIoUChart([{ detector: 'hybrid', points: sweep }], { closedMIoU: 0.75, targetTpr: 0.95 }),
  classGap: () => classGapChart(perClass, { closedMIoU: 0.77, openMIoU: 0.7 }),
  components: () => componentChart([{ detector: 'hybrid', points: [{ threshold: 0.5, f1: 0.4 }] }]),
}

describe('charts', () => {
  describe('what they draw', () => {
    it('PR: the step function from recall 0, best AP first, rings at the target, chance', () => {
      const chart = precisionRecallChart([entropy, hybrid])
      const [chance, steps, rings] = [0, 1, 2].map((layer) => valuesOf(chart, layer))
      expect(chance.map(({ precision }) => precision)).to.deep.equal([0.1, 0.1])
      const names = [...new Set(steps.map(({ detector }) => detector))]
      expect(names).to.deep.equal([
        `hybrid s_H: ${(100 * hybrid.ap).toFixed(1)}`,
        `entropy: ${(100 * entropy.ap).toFixed(1)}`,
      ])
      const own = steps.filter(({ detector }) => detector === names[0])
      expect(own[0]).to.include({ recall: 0, precision: hybrid.points[0].precision })
      expect(own.slice(1).map(({ recall }) => recall)).to.deep.equal(hybrid.points.map(({ tpr }) => tpr))
      const { tpr, precision } = hybrid.operatingPoint!
      expect(rings[0]).to.deep.equal({ detector: names[0], recall: tpr, precision })
      expect(subtitleOf(chart)).to.contain('10.0 % of the pixels')
    })

    it('PR: no chance line where the shares of anomalies differ', () => {
      const chart = precisionRecallChart([hybrid, twoPoints])
      expect(valuesOf(chart, 0)).to.deep.equal([])
      expect(subtitleOf(chart)).not.to.contain('chance')
    })

    it('ROC: from (0, 0) to (1, 1), with FPR and its convention', () => {
      const chart = rocChart([hybrid, noAnomaly])
      const curve = valuesOf(chart, 1)
      expect(curve[0]).to.include({ fpr: 0, tpr: 0 })
      expect(curve.at(-1)).to.include({ fpr: 1, tpr: 1 })
      const { auroc, fpr } = metricsOf(0.6).result()
      expect(curve[0].detector).to.equal(`hybrid s_H: ${(100 * auroc).toFixed(1)}, ${(100 * fpr).toFixed(1)}`)
      expect(valuesOf(chart, 2)[0]).to.include({ fpr })
      expect(subtitleOf(chart)).to.contain('FPR95 by convention a').and.contain('Not drawn: max-logit')
      expect(subtitleOf(chart)).to.contain('no anomaly pixel')
    })

    it('ROC: the point of the interpolating convention has no precision and still an FPR', () => {
      const metrics = new AnomalyMetrics({ convention: 'd' }).add(
        new Float32Array([3, 2, 1, 0]),
        new Uint8Array([1, 0, 1, 0]),
      )
      const series = [seriesOf('hybrid', metrics)]
      expect(valuesOf(rocChart(series), 2)).to.have.length(1)
      expect(valuesOf(precisionRecallChart(series), 2)).to.have.length(0)
    })

    it('refuses detectors that were measured by different conventions', () => {
      const other = { ...entropy, convention: 'c' as const }
      const { message } = thrown(() => rocChart([hybrid, other]), 'INVALID_ARGUMENT')
      expect(message).to.contain('convention a at TPR 0.95').and.contain('convention c')
    })

    it('histogram: densities of area 1, or counts', () => {
      const histogram = scoreHistogram(metricsOf(0.6).curve())
      const bars = valuesOf(scoreHistogramChart(histogram, { detector: 'hybrid' }), 0) as {
        kind: string
        low: number
        high: number
        value: number
      }[]
      for (const kind of ['inliers', 'anomalies']) {
        const own = bars.filter((bar) => bar.kind === kind)
        expect(own.reduce((area, { low, high, value }) => area + (high - low) * value, 0)).to.be.closeTo(
          1,
          1e-9,
        )
      }
      const counts = valuesOf(scoreHistogramChart(histogram, { detector: 'hybrid', height: 'count' }), 0)
      expect(counts.reduce((total, { value }) => total + (value as number), 0)).to.equal(2000)
    })

    it('histogram: a threshold outside the plot is named, not drawn', () => {
      const histogram = scoreHistogram(metricsOf(0.6).curve())
      const inside = scoreHistogramChart(histogram, { detector: 'hybrid', threshold: 0.7 })
      expect(valuesOf(inside, 1)).to.deep.equal([{ threshold: 0.7 }])
      const outside = scoreHistogramChart(histogram, { detector: 'hybrid', threshold: -9.5 })
      expect(valuesOf(outside, 1)).to.deep.equal([])
      expect(subtitleOf(outside)).to.contain('Outside the plot: threshold −9.5')
    })

    it('open-mIoU: in the order of TPR without NaN, the best point marked', () => {
      const points = [...sweep, { tpr: 0.6, openMIoU: NaN }, { tpr: NaN, openMIoU: 0.9 }]
      const chart = openMIoUChart([{ detector: 'hybrid', points }], { closedMIoU: 0.75 })
      expect(valuesOf(chart, 0).map(({ openMIoU }) => openMIoU)).to.deep.equal([0.75, 0.75])
      expect(valuesOf(chart, 2).map(({ tpr }) => tpr)).to.deep.equal([0.2, 0.5, 0.9])
      expect(valuesOf(chart, 3)[0]).to.include({ tpr: 0.5, openMIoU: 0.7 })
    })

    it('class gap: largest gap first, absent classes named, equal names kept apart', () => {
      const chart = classGapChart([
        { name: 'car', closed: 0.5, open: 0.4 },
        { name: 'car', closed: 0.9, open: 0.5 },
        { name: 'bus', closed: NaN, open: NaN },
        { name: 'sky', closed: 0.5, open: 0.6 },
      ])
      const rows = valuesOf(chart, 0)
      expect(rows.map(({ name, gap }) => [name, gap])).to.deep.equal([
        ['car (2)', '−40.0'],
        ['car', '−10.0'],
        ['sky', '+10.0'],
      ])
      expect(subtitleOf(chart)).to.contain('Without IoU: bus.')
    })

    it('components: the mean F1 in the legend', () => {
      const points = [0.25, 0.5, 0.75].map((threshold, i) => ({ threshold, f1: [0.8, 0.5, 0.2][i] }))
      const { data } = componentChart([{ detector: 'hybrid', points }]) as unknown as Layer
      expect(data.values[0]).to.deep.equal({ detector: 'hybrid s_H: 50.0', threshold: 0.25, f1: 0.8 })
    })
  })

  describe('colours', () => {
    it('stay with a detector whatever stands beside it, and differ', () => {
      const all = detectorColours(SCORE_NAMES)
      expect(new Set(all).size).to.equal(SCORE_NAMES.length)
      for (const [i, name] of SCORE_NAMES.entries()) {
        expect(detectorColours(['other', name])[1]).to.equal(all[i])
      }
      const others = detectorColours(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
      expect(new Set(others.slice(0, 6)).size).to.equal(6)
      expect(others.filter((colour) => all.includes(colour))).to.deep.equal([])
    })

    it('have a contrast of 3 : 1 on white', () => {
      for (const colour of detectorColours([...SCORE_NAMES, 'a', 'b', 'c', 'd', 'e', 'f'])) {
        const [red, green, blue] = [1, 3, 5].map((at) => {
          const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
          return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
        })
        const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        expect(1.05 / (luminance + 0.05), colour).to.be.at.least(3)
      }
    })
  })

  describe('renderChart', () => {
    for (const [name, chart] of Object.entries(charts)) {
      it(`${name}: SVG with its words, PNG with text`, async () => {
        const svg = await renderChart(chart())
        expect(svg).to.match(/^<svg /)
        expect(svg).not.to.match(/NaN|[">]undefined|undefined["<]/)
        const sizes = [...svg.matchAll(/font-size="([\d.]+)px"/g)].map(([, size]) => Number(size))
        expect(Math.min(...sizes)).to.be.at.least(11)
        const png = await renderChart(chart(), { format: 'png', scale: 1.5 })
        const { width, height } = decode(png)
        expect(darkPixels(png, Math.floor(width / 2), 50)).to.be.above(100)
        const [, svgWidth, svgHeight] = svg.match(/width="([\d.]+)" height="([\d.]+)"/)!.map(Number)
        expect(width).to.be.within(1.5 * svgWidth * 0.85, 1.5 * svgWidth + 1)
        expect(height).to.be.within(1.5 * svgHeight * 0.95, 1.5 * svgHeight + 1)
      })
    }

    it('names axes, classes and detectors', async () => {
      const pr = textOf(await renderChart(charts.precisionRecall()))
      for (const word of ['recall (TPR)', 'precision', 'AP, %', 'hybrid s_H', '100%']) {
        expect(pr).to.contain(word)
      }
      const roc = textOf(await renderChart(charts.roc()))
      for (const word of ['false positive rate', 'true positive rate', 'AUROC, FPR95', 'convention a']) {
        expect(roc).to.contain(word)
      }
      const gap = textOf(await renderChart(charts.classGap())).split('\n')
      for (const name of CITYSCAPES.filter((name) => name !== 'train')) expect(gap).to.include(name)
      const histogram = textOf(await renderChart(charts.histogram()))
      for (const word of ['density', 'inliers', 'anomalies', 'score of hybrid s_H'])
        expect(histogram).to.contain(word)
    })

    it('has no text left in a PNG that a machine would need a font for', async () => {
      const outlined = outlineText(await renderChart(charts.classGap()))
      expect(outlined).not.to.match(/<text|<tspan|font-family/)
      expect(outlined.match(/<path d="M/g)!.length).to.be.above(CITYSCAPES.length)
    })

    it('draws the same PNG where fontconfig finds nothing', async () => {
      const code = `
        import { classGapChart, renderChart } from './lib/report/charts.ts'
        renderChart(classGapChart([{ name: 'road', closed: 0.9, open: 0.8 }]), { format: 'png' })
          .then((png) => process.stdout.write(png.toString('base64')))`
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import=tsx', '--input-type=module', '--eval', code],
        { env: { ...process.env, FONTCONFIG_FILE: '/nowhere/fonts.conf', FONTCONFIG_PATH: '/nowhere' } },
      )
      const here = await renderChart(classGapChart([{ name: 'road', closed: 0.9, open: 0.8 }]), {
        format: 'png',
      })
      expect(Buffer.from(stdout, 'base64').equals(here)).to.equal(true)
    })

    it('takes markup, control characters, long and foreign names for what they are', async () => {
      const names = [
        '<b>&"\'',
        '</text><script>',
        'a\u0000b\nc',
        'x'.repeat(5000),
        '道路 😀',
        '\ud800',
        '',
        '$&',
      ]
      const classes = names.map((name) => ({ name, closed: 0.5, open: 0.4 }))
      const svg = await renderChart(classGapChart(classes))
      expect(svg).to.contain('&lt;b&gt;&amp;"').and.contain('&lt;/text&gt;&lt;script&gt;')
      expect(svg).not.to.contain('<script').and.not.to.contain('\u0000').and.not.to.contain('xxx'.repeat(20))
      const png = await renderChart(classGapChart(classes), { format: 'png' })
      expect(decode(png).width).to.be.below(2000)
      for (const draw of [precisionRecallChart, rocChart]) {
        const series = names.map((title) => ({ ...hybrid, title }))
        await renderChart(draw(series, { title: `${names[0]}\u0001` }), { format: 'png' })
      }
    })

    it('fits the SVG to its text: the legend ends inside the picture', async () => {
      const svg = await renderChart(rocChart([{ ...hybrid, title: 'm'.repeat(40) }]))
      const png = decode(
        await renderChart(rocChart([{ ...hybrid, title: 'm'.repeat(40) }]), { format: 'png' }),
      )
      const width = Number(/width="([\d.]+)"/.exec(svg)![1])
      expect(width).to.be.above(png.width / 2 + 10)
      // The last ten columns of the picture are empty: nothing is cut off.
      for (let y = 0; y < png.height; y++) {
        for (let x = png.width - 10; x < png.width; x++) {
          expect(png.data[(y * png.width + x) * png.channels]).to.equal(255)
        }
      }
    })

    it('draws charts that are asked for at the same time as it draws them one by one', async () => {
      const together = await Promise.all(Object.values(charts).map((chart) => renderChart(chart())))
      for (const [i, chart] of Object.values(charts).entries()) {
        const normal = (svg: string) => svg.replaceAll(/(clip|gradient_)\d+/g, '$1')
        expect(normal(await renderChart(chart()))).to.equal(normal(together[i]))
      }
    })

    it('takes a width for the plot', async () => {
      const width = async (plot: number) =>
        Number(/width="([\d.]+)"/.exec(await renderChart(charts.roc(), { width: plot }))![1])
      expect((await width(700)) - (await width(500))).to.equal(200)
    })

    it('refuses what it cannot draw, and draws on afterwards', async () => {
      const bad = async (chart: unknown, options?: object) =>
        (await rejection(renderChart(chart as Chart, options as never), 'INVALID_ARGUMENT')).message
      expect(await bad(undefined)).to.contain('for chart')
      expect(await bad({})).to.contain('cannot be drawn')
      expect(await bad({ mark: 'bar', data: { url: 'http://localhost:1/x.json' } })).to.contain(
        'data must be inside the chart',
      )
      expect(await bad(charts.roc(), { format: 'gif' })).to.contain('options.format')
      expect(await bad(charts.roc(), { scale: 0 })).to.contain('options.scale')
      expect(await bad(charts.roc(), { width: 3.5 })).to.contain('options.width')
      expect(await bad(charts.roc(), { format: 'png', width: 10_000, scale: 8 })).to.contain('pixels')
      expect(await bad(charts.roc(), { sclae: 1 })).to.contain('sclae')
      expect(await renderChart(charts.roc())).to.match(/^<svg /)
    })
  })

  describe('writeChart', () => {
    let folder: TempFolder
    before(async () => {
      folder = await tempFolder()
    })
    after(() => folder.remove())

    it('chooses the format by the name and leaves nothing else behind', async () => {
      await writeChart(join(folder.path, 'roc.svg'), charts.roc())
      await writeChart(join(folder.path, 'roc.PNG'), charts.roc(), { scale: 1 })
      expect(await readFile(join(folder.path, 'roc.svg'), 'utf8')).to.match(/^<svg /)
      expect(decode(await readFile(join(folder.path, 'roc.PNG'))).width).to.be.above(400)
      expect((await readdir(folder.path)).sort()).to.deep.equal(['roc.PNG', 'roc.svg'])
    })

    it('names another extension and a missing folder', async () => {
      const gif = await rejection(writeChart(join(folder.path, 'roc.gif'), charts.roc()), 'INVALID_ARGUMENT')
      expect(gif.message).to.contain('.svg or .png')
      const missing = await rejection(
        writeChart(join(folder.path, 'no', 'roc.svg'), charts.roc()),
        'NOT_FOUND',
      )
      expect(missing.message).to.contain(join(folder.path, 'no'))
    })
  })

  describe('input that makes no chart', () => {
    it('nothing to draw is EMPTY with the reason', () => {
      for (const draw of [precisionRecallChart, rocChart]) {
        thrown(() => draw([]), 'EMPTY')
        expect(thrown(() => draw([noAnomaly]), 'EMPTY').message).to.contain('no anomaly pixel')
      }
      thrown(() => openMIoUChart([{ detector: 'hybrid', points: [] }], { closedMIoU: 0.5 }), 'EMPTY')
      thrown(() => classGapChart([]), 'EMPTY')
      thrown(() => classGapChart([{ name: 'car', closed: NaN, open: NaN }]), 'EMPTY')
      thrown(() => componentChart([{ detector: 'hybrid', points: [{ threshold: 0.5, f1: NaN }] }]), 'EMPTY')
      const empty = scoreHistogram(new AnomalyMetrics().curve())
      expect(thrown(() => scoreHistogramChart(empty, { detector: 'hybrid' }), 'EMPTY').message).to.contain(
        'no valid pixel',
      )
    })

    it('a wrong value is named with its place', () => {
      const message = (action: () => unknown) => thrown(action, 'INVALID_ARGUMENT').message
      const bad = { ...hybrid, points: [{ ...hybrid.points[0], tpr: NaN }] }
      expect(message(() => rocChart([bad]))).to.contain('series[0].points[0].tpr')
      expect(message(() => rocChart([null as never]))).to.contain('series[0]')
      expect(message(() => rocChart('x' as never))).to.contain('for series')
      expect(message(() => rocChart([{ ...hybrid, title: 7 as never }]))).to.contain('series[0].title')
      expect(message(() => rocChart([hybrid], { titel: '' } as never))).to.contain('titel')
      expect(message(() => rocChart([hybrid], { title: 5 as never }))).to.contain('options.title')
      expect(message(() => classGapChart([{ name: 'car', closed: 71, open: 0.5 }]))).to.contain(
        'perClass[0].closed',
      )
      const points = [{ tpr: 0.5, openMIoU: 64 }]
      expect(message(() => openMIoUChart([{ detector: 'a', points }], { closedMIoU: 0.5 }))).to.contain(
        'series[0].points[0].openMIoU',
      )
      const histogram = scoreHistogram(metricsOf(0.5).curve())
      expect(
        message(() => scoreHistogramChart({ ...histogram, edges: [0, 1] }, { detector: 'a' })),
      ).to.contain('1 bins')
      expect(message(() => scoreHistogramChart(histogram, { detector: 'a', threshold: NaN }))).to.contain(
        'options.threshold',
      )
    })
  })
})
