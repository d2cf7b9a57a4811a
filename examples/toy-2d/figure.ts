import sharp from 'sharp'
// With the package installed: from 'densehybrid'; the colour maps are internal.
import { tensor } from '../../lib/index.ts'
import { colormap, paintScores, scoreRange } from '../../lib/report/colormap.ts'
import { EXTENT, type Points, type ToyData } from './data.ts'
import { DETECTORS, type Detector, type Measured } from './train.ts'

/** Pixels of the PNG for one unit of the SVG. */
export const PNG_SCALE = 2

const SIDE = 380
const GAP = 44
const LEFT = 46
const TOP = 44
const BAR_TOP = TOP + SIDE + 34
const TEXT_TOP = BAR_TOP + 66
const LEGEND_TOP = TEXT_TOP + 26

/** Of the SVG. */
export const WIDTH = LEFT + DETECTORS.length * (SIDE + GAP) - GAP + 24
/** Of the SVG. */
export const HEIGHT = LEGEND_TOP + 28

const SYMBOL: Record<Detector, string> = { discriminative: 'D', generative: 'G', hybrid: 'H' }
const CLASS_COLOURS = ['#56b4e9', '#009e73', '#f0e442']
const NEGATIVE_COLOUR = '#ffffff'
const ANOMALY_COLOUR = '#ff2fb3'
const MARKERS_PER_KIND = 150

/** What the figure shows. */
export interface FigureInput {
  readonly data: ToyData
  /** side×side, top row first */
  readonly maps: Readonly<Record<Detector, Float32Array>>
  readonly measured: Readonly<Record<Detector, Measured>>
}

/** The three score maps side by side, with the points, the contour of the threshold and the metrics. */
export async function drawFigure({ data, maps, measured }: FigureInput): Promise<string> {
  const panels = await Promise.all(
    DETECTORS.map((name, i) =>
      drawPanel(LEFT + i * (SIDE + GAP), name, maps[name], measured[name], drawPoints(data)),
    ),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="15" fill="#1d2330">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${panels.join('\n')}
${drawLegend()}
</svg>
`
}

/** The figure as PNG, {@link PNG_SCALE} pixels for one unit. */
export async function rasterise(svg: string): Promise<Buffer> {
  return sharp(Buffer.from(svg), { density: 72 * PNG_SCALE })
    .png()
    .toBuffer()
}

async function drawPanel(
  left: number,
  name: Detector,
  map: Float32Array,
  { ap, auroc, fpr, threshold }: Measured,
  points: string,
): Promise<string> {
  const side = Math.sqrt(map.length)
  const scores = tensor(map, [side, side])
  const range = scoreRange([scores], [2, 98])
  const image = await embed(paintScores(scores, range, 'viridis').data, side, side)
  const bar = await embed(colormap('viridis').data, 256, 1)
  const centre = SIDE / 2
  const ticks = [-2, 0, 2].map((value) => {
    const at = round(position(value))
    const vertical =
      left === LEFT
        ? `<text x="-10" y="${round(SIDE - at + 5)}" text-anchor="end">${minus(value)}</text>`
        : ''
    return `<path d="M${at} ${SIDE}v5M0 ${round(SIDE - at)}h-5" stroke="#1d2330"/><text x="${at}" y="${SIDE + 21}" text-anchor="middle">${minus(value)}</text>${vertical}`
  })
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const top = (y: number) => y - TOP
  return `<g class="panel" transform="translate(${left} ${TOP})">
<text x="${centre}" y="-15" text-anchor="middle" font-size="20">${name} <tspan font-style="italic">s</tspan><tspan font-size="14" dy="5">${SYMBOL[name]}</tspan></text>
<svg width="${SIDE}" height="${SIDE}">
<image width="${SIDE}" height="${SIDE}" preserveAspectRatio="none" href="${image}"/>
${points}
<path d="${contour(map, side, threshold)}" fill="none" stroke="#000000" stroke-opacity="0.55" stroke-width="4.5"/>
<path d="${contour(map, side, threshold)}" fill="none" stroke="#ffffff" stroke-width="2"/>
</svg>
<rect width="${SIDE}" height="${SIDE}" fill="none" stroke="#1d2330"/>
${ticks.join('')}
<image x="70" y="${top(BAR_TOP)}" width="${SIDE - 140}" height="12" preserveAspectRatio="none" href="${bar}"/>
<text x="62" y="${top(BAR_TOP) + 11}" text-anchor="end">${minus(range[0].toFixed(1))}</text>
<text x="${SIDE - 62}" y="${top(BAR_TOP) + 11}">${minus(range[1].toFixed(1))}</text>
<text x="${centre}" y="${top(TEXT_TOP) - 14}" text-anchor="middle" font-size="16">AP ${percent(ap)} · AUROC ${percent(auroc)} · FPR95 ${percent(fpr)}</text>
</g>`
}

/** From a coordinate of the plane to one of the panel. */
function position(value: number): number {
  return (SIDE * (value + EXTENT)) / (2 * EXTENT)
}

function drawPoints({ train, test }: ToyData): string {
  const at = (points: Points, i: number) =>
    [round(position(points[2 * i])), round(position(-points[2 * i + 1]))] as const
  const indices = (points: Points) =>
    Array.from({ length: Math.min(MARKERS_PER_KIND, points.length / 2) }, (_, i) => i)
  return [
    ...indices(train.inliers).map((i) => disc(...at(train.inliers, i), CLASS_COLOURS[train.labels[i]])),
    ...indices(train.negatives).map((i) => cross(...at(train.negatives, i))),
    ...indices(test.anomalies).map((i) => triangle(...at(test.anomalies, i))),
  ].join('\n')
}

function disc(x: number, y: number, colour: string): string {
  return `<circle cx="${x}" cy="${y}" r="3.2" fill="${colour}" stroke="#000000" stroke-width="0.7"/>`
}

function cross(x: number, y: number): string {
  const path = `M${round(x - 3.2)} ${round(y - 3.2)}l6.4 6.4m0 -6.4l-6.4 6.4`
  return `<path d="${path}" stroke="#000000" stroke-width="3.2"/><path d="${path}" stroke="${NEGATIVE_COLOUR}" stroke-width="1.6"/>`
}

function triangle(x: number, y: number): string {
  return `<path d="M${x} ${round(y - 4.4)}l4 7h-8z" fill="${ANOMALY_COLOUR}" stroke="#000000" stroke-width="0.7"/>`
}

function drawLegend(): string {
  const y = LEGEND_TOP
  const entries: [number, string, string][] = [
    ...CLASS_COLOURS.map((colour, i): [number, string, string] => [
      120,
      disc(0, y, colour),
      `inlier, class ${i + 1}`,
    ]),
    [125, cross(0, y), 'training negative'],
    [110, triangle(0, y), 'test anomaly'],
    [
      0,
      `<path d="M-13 ${y}h20" stroke="#000000" stroke-opacity="0.55" stroke-width="4.5"/><path d="M-13 ${y}h20" stroke="#ffffff" stroke-width="2"/>`,
      'threshold at TPR 95 %',
    ],
  ]
  let x = LEFT + 60
  const drawn = entries.map(([width, symbol, text]) => {
    const entry = `<g transform="translate(${x} 0)">${symbol}<text x="14" y="${y + 5}">${text}</text></g>`
    x += width + 60
    return entry
  })
  return `<g class="legend">${drawn.join('\n')}</g>`
}

/** RGB as a data address. */
async function embed(rgb: Uint8Array, width: number, height: number): Promise<string> {
  const png = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9 })
    .toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}

/** Where the map crosses `level`: a segment for every cell that it cuts (marching squares). */
function contour(map: Float32Array, side: number, level: number): string {
  const at = (index: number) => ((index + 0.5) * SIDE) / side
  let path = ''
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      const corners = [
        [column, row],
        [column + 1, row],
        [column + 1, row + 1],
        [column, row + 1],
      ]
      const cuts: string[] = []
      for (let edge = 0; edge < 4; edge++) {
        const [[x0, y0], [x1, y1]] = [corners[edge], corners[(edge + 1) % 4]]
        const [a, b] = [map[y0 * side + x0], map[y1 * side + x1]]
        if (a >= level === b >= level) continue
        const share = (level - a) / (b - a)
        cuts.push(`${round(at(x0 + share * (x1 - x0)))} ${round(at(y0 + share * (y1 - y0)))}`)
      }
      for (let i = 0; i + 1 < cuts.length; i += 2) path += `M${cuts[i]}L${cuts[i + 1]}`
    }
  }
  return path
}

function round(value: number): number {
  return Math.round(10 * value) / 10
}

function minus(value: number | string): string {
  return String(value)
    .replace(/^-0\.0$/, '0.0')
    .replace('-', '−')
}
