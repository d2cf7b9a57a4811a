import { dirname, extname } from 'node:path'
import sharp from 'sharp'
import writeFileAtomic from 'write-file-atomic'
import { fileError } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from '../../validate.ts'
import { type FontWeight, lineWidth } from './chart-font.ts'
import { outlineText } from './outline-text.ts'
import type { Chart } from './theme.ts'

/** Options of {@link renderChart}. */
export interface RenderOptions {
  /** `svg`: text that stays text, in the fonts of the reader's machine; `png`: needs no font. Default `svg`. */
  readonly format?: 'svg' | 'png'
  /** Width of the plot without labels and legend, in SVG pixels. Default: the chart's own. */
  readonly width?: number
  /** PNG pixels to one SVG pixel, above 0 and at most 8. Default 2. */
  readonly scale?: number
}

/** A line of text as vega hands it to `textMetrics`. */
interface TextItem {
  readonly fontSize?: number
  readonly fontWeight?: FontWeight
  readonly limit?: number
}
interface TextMetrics {
  width: (item: TextItem, text: unknown) => number
}

/** Files of at most this many pixels; a larger one is taken for a slip in `scale` or `width`. */
const MAXIMUM_PIXELS = 100_000_000

/** How much wider than the package's font the sans-serif of a reader's machine may be: DejaVu Sans, the widest one. */
const SPARE_WIDTH = 1.1

/** Characters that no XML may hold. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

/** Charts are drawn one after the other, because vega keeps how it measures text in one place. */
let queue: Promise<unknown> = Promise.resolve()

/**
 * Draws a chart. vega is loaded on the first call. Data must be inside the chart: nothing is fetched.
 *
 * @returns SVG as text, or the bytes of a PNG
 * @throws INVALID_ARGUMENT for another value, a chart that vega-lite does not understand, or a picture too large
 *
 * @example
 * const png = await renderChart(rocChart([curveSeries('hybrid', metrics.curve(), metrics.result())]), { format: 'png' })
 */
export async function renderChart(chart: Chart, options: RenderOptions & { format: 'png' }): Promise<Buffer>
export async function renderChart(chart: Chart, options?: RenderOptions & { format?: 'svg' }): Promise<string>
export async function renderChart(chart: Chart, options?: RenderOptions): Promise<string | Buffer>
export async function renderChart(chart: Chart, options: RenderOptions = {}): Promise<string | Buffer> {
  checkOptionNames('renderChart', options, ['format', 'width', 'scale'])
  const format = checkOneOf('options.format', options.format ?? 'svg', ['svg', 'png'])
  const scale = options.scale ?? 2
  if (checkNumber('options.scale', scale, 0, 8) === 0) throw invalid('options.scale', 'a number above 0', 0)
  const width =
    options.width === undefined ? undefined : checkInteger('options.width', options.width, 100, 10_000)
  if (typeof chart !== 'object' || chart === null) throw invalid('chart', 'a vega-lite specification', chart)
  const drawing = queue.then(() =>
    drawSvg(width === undefined ? chart : ({ ...chart, width } as Chart), format === 'svg' ? SPARE_WIDTH : 1),
  )
  queue = drawing.catch(() => undefined)
  const svg = await drawing
  return format === 'svg' ? svg : rasterise(svg, scale)
}

/**
 * Draws a chart to a file, `.svg` or `.png` by its name, atomically.
 *
 * @throws INVALID_ARGUMENT for another extension; NOT_FOUND where the folder is missing; IO
 */
export async function writeChart(
  path: string,
  chart: Chart,
  options: Omit<RenderOptions, 'format'> = {},
): Promise<void> {
  if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of a file', path)
  checkOptionNames('writeChart', options, ['width', 'scale'])
  const format = extname(path).slice(1).toLowerCase()
  if (format !== 'svg' && format !== 'png')
    throw invalid('path', 'a file name that ends in .svg or .png', path)
  const picture = await renderChart(chart, { ...options, format })
  await writeFileAtomic(path, picture).catch((error: NodeJS.ErrnoException) => {
    throw fileError(error.code === 'ENOENT' ? dirname(path) : path, error)
  })
}

async function drawSvg(chart: Chart, spareWidth: number): Promise<string> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')])
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics }
  const previous = textMetrics.width
  textMetrics.width = (item, text) => measure(item, text, spareWidth)
  const messages: string[] = []
  try {
    const { spec } = compile(chart, { logger: collector(messages) })
    const loader = vega.loader()
    loader.load = async (uri: string) => {
      throw new Error(`data must be inside the chart, not at ${uri}`)
    }
    const view = new vega.View(vega.parse(spec), {
      renderer: 'none',
      loader,
      logger: collector(messages) as never,
    })
    const svg = await view.toSVG()
    view.finalize()
    if (messages.length > 0) throw new Error(messages.join(' '))
    return svg.replaceAll(FORBIDDEN, '\ufffd')
  } catch (error) {
    throw new DenseHybridError('INVALID_ARGUMENT', `The chart cannot be drawn: ${(error as Error).message}`, {
      hint: 'A chart is a vega-lite 6 specification with its data inside.',
      cause: error,
    })
  } finally {
    textMetrics.width = previous
  }
}

/** Width of a line after it was cut to its limit, in the font that PNG files are drawn with. */
function measure(
  { fontSize = 11, fontWeight, limit = 0 }: TextItem,
  text: unknown,
  spareWidth: number,
): number {
  if (text === null || text === undefined) return 0
  const width = spareWidth * lineWidth(String(text).trim(), fontSize, fontWeight)
  return limit > 0 ? Math.min(limit, width) : width
}

/** Keeps warnings and errors instead of printing them. */
function collector(messages: string[]) {
  const keep = (...parts: readonly unknown[]) => {
    messages.push(parts.map(String).join(' '))
    return logger
  }
  const silent = () => logger
  const logger = { level: () => logger, error: keep, warn: keep, info: silent, debug: silent } as never
  return logger
}

async function rasterise(svg: string, scale: number): Promise<Buffer> {
  const [, width, height] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? []
  if (Number(width) * Number(height) * scale * scale > MAXIMUM_PIXELS) {
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `The picture would be ${Math.ceil(Number(width) * scale)}×${Math.ceil(Number(height) * scale)} pixels.`,
      { hint: 'Give a smaller scale or width, or draw an SVG.' },
    )
  }
  return sharp(Buffer.from(outlineText(svg)), { density: 72 * scale, limitInputPixels: false })
    .flatten({ background: '#ffffff' })
    .png()
    .toBuffer()
}
