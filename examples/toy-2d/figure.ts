import { interpolateBlues } from 'd3-scale-chromatic'
import sharp from 'sharp'
import { contour } from './contour.ts'
import { CLASSES, EXTENT, NEGATIVES_END, type Points, type ToyData } from './data.ts'
import { DETECTORS, type PerDetector, type Quality } from './detectors.ts'

/** Size of the figure in points; the PNG has SCALE times as many pixels. */
export const WIDTH = 960
export const HEIGHT = 454
export const SCALE = 2

const PANEL = 270
const LEFT = 54
const GAP = 30
const TOP = 40
const BAR = { top: TOP + PANEL + 42, height: 10 }
const LEGEND = HEIGHT - 20
const TICKS = [-3, -2, -1, 0, 1, 2, 3]
const CLASS_COLOURS = ['#e66100', '#1b9e4b', '#d01c8b']

/** More points than this of a kind would hide the map. */
const DRAWN = { inliers: 240, negatives: 100, anomalies: 160 }

/**
 * The score maps of the three detectors side by side, with points and what each detector reaches.
 *
 * @param maps side×side
 */
export async function drawFigure(
  data: ToyData,
  maps: PerDetector<Float32Array>,
  quality: PerDetector<Quality>,
): Promise<string> {
  const panels = await Promise.all(
    DETECTORS.map((name, i) =>
      drawPanel(name, LEFT + i * (PANEL + GAP), i === 0, data, maps[name], quality[name]),
    ),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12" fill="#222">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...panels,
    drawLegend(),
    '</svg>\n',
  ].join('\n')
}

/** The figure as PNG. */
export async function toPng(svg: string): Promise<Buffer> {
  return sharp(Buffer.from(svg), { density: 72 * SCALE })
    .resize(WIDTH * SCALE, HEIGHT * SCALE)
    .png()
    .toBuffer()
}

async function drawPanel(
  name: keyof PerDetector<unknown>,
  left: number,
  first: boolean,
  data: ToyData,
  map: Float32Array,
  { ap, auroc, fpr, threshold }: Quality,
): Promise<string> {
  const range = percentiles(map)
  const middle = left + PANEL / 2
  const x = (value: number) => round(left + ((value + EXTENT) / (2 * EXTENT)) * PANEL)
  const y = (value: number) => round(TOP + ((EXTENT - value) / (2 * EXTENT)) * PANEL)
  const side = Math.sqrt(map.length)
  const sample = (index: number) => ((index + 0.5) / side) * PANEL
  const line = contour(map, side, threshold)
    .map(
      ([x0, y0, x1, y1]) =>
        `M${round(left + sample(x0))} ${round(TOP + sample(y0))}L${round(left + sample(x1))} ${round(TOP + sample(y1))}`,
    )
    .join('')
  const percent = (value: number) => (100 * value).toFixed(1)
  return [
    `<g id="${name}">`,
    `<text x="${middle}" y="26" font-size="16" text-anchor="middle">${name} <tspan font-style="italic">s</tspan><tspan dy="4" font-size="11">${name[0].toUpperCase()}</tspan></text>`,
    `<image x="${left}" y="${TOP}" width="${PANEL}" height="${PANEL}" preserveAspectRatio="none" href="${await paint(map, range)}"/>`,
    `<path d="M${x(NEGATIVES_END)} ${TOP}V${TOP + PANEL}" fill="none" stroke="#555" stroke-width="0.8" stroke-dasharray="3 3"/>`,
    `<clipPath id="clip-${name}"><rect x="${left}" y="${TOP}" width="${PANEL}" height="${PANEL}"/></clipPath>`,
    `<g clip-path="url(#clip-${name})">`,
    ...drawPoints(data, x, y),
    '</g>',
    `<path d="${line}" fill="none" stroke="white" stroke-width="4" stroke-linecap="round"/>`,
    `<path d="${line}" fill="none" stroke="black" stroke-width="1.8" stroke-linecap="round"/>`,
    `<rect x="${left}" y="${TOP}" width="${PANEL}" height="${PANEL}" fill="none" stroke="#222"/>`,
    ...TICKS.flatMap((tick) => [
      `<path d="M${x(tick)} ${TOP + PANEL}v4M${left} ${y(tick)}h-4" stroke="#222"/>`,
      `<text x="${x(tick)}" y="${TOP + PANEL + 17}" font-size="11" text-anchor="middle">${signed(tick)}</text>`,
      first
        ? `<text x="${left - 8}" y="${y(tick) + 4}" font-size="11" text-anchor="end">${signed(tick)}</text>`
        : '',
    ]),
    drawBar(left, range, threshold),
    `<text x="${middle}" y="${BAR.top + 50}" font-size="13" text-anchor="middle">AP <tspan font-weight="bold">${percent(ap)}</tspan><tspan dx="14">AUROC</tspan> <tspan font-weight="bold">${percent(auroc)}</tspan><tspan dx="14">FPR95</tspan> <tspan font-weight="bold">${percent(fpr)}</tspan></text>`,
    '</g>',
  ].join('\n')
}

function drawPoints(data: ToyData, x: (value: number) => number, y: (value: number) => number): string[] {
  const { train, test } = data
  const draw = (points: Points, limit: number, shape: (x: number, y: number, i: number) => string) => {
    const count = points.length / 2
    return Array.from({ length: Math.min(limit, count) }, (_, i) =>
      shape(x(points[i]), y(points[count + i]), i),
    ).join('')
  }
  return [
    draw(test.inliers, DRAWN.inliers, (a, b, i) => dot(a, b, CLASS_COLOURS[test.labels[i]])),
    draw(train.negatives, DRAWN.negatives, triangle),
    draw(test.anomalies, DRAWN.anomalies, cross),
  ]
}

function dot(x: number, y: number, colour: string): string {
  return `<circle cx="${x}" cy="${y}" r="2" fill="${colour}"/>`
}

function triangle(x: number, y: number): string {
  return `<path d="M${x} ${round(y - 3.4)}l3.2 5.6h-6.4z" fill="#ffd92f" stroke="#333" stroke-width="0.7"/>`
}

function cross(x: number, y: number): string {
  const arms = `M${round(x - 2.5)} ${round(y - 2.5)}l5 5m0 -5l-5 5`
  return `<path d="${arms}" fill="none" stroke="white" stroke-width="3"/><path d="${arms}" fill="none" stroke="black" stroke-width="1.2"/>`
}

/** A colour bar with the ends of its range and a mark at the threshold. */
function drawBar(left: number, [low, high]: readonly [number, number], threshold: number): string {
  const stops = Array.from(
    { length: 11 },
    (_, i) => `<stop offset="${i / 10}" stop-color="${interpolateBlues(i / 10)}"/>`,
  )
  const { top, height } = BAR
  const at = round(left + PANEL * Math.min(1, Math.max(0, (threshold - low) / (high - low))))
  return [
    `<linearGradient id="bar-${left}">${stops.join('')}</linearGradient>`,
    `<rect x="${left}" y="${top}" width="${PANEL}" height="${height}" fill="url(#bar-${left})" stroke="#222" stroke-width="0.6"/>`,
    `<path d="M${at} ${top - 3}v${height + 6}" stroke="white" stroke-width="4"/>`,
    `<path d="M${at} ${top - 3}v${height + 6}" stroke="black" stroke-width="1.8"/>`,
    `<text x="${left}" y="${top + height + 14}" font-size="11">${signed(low, 1)}</text>`,
    `<text x="${left + PANEL / 2}" y="${top + height + 14}" font-size="11" text-anchor="middle">score</text>`,
    `<text x="${left + PANEL}" y="${top + height + 14}" font-size="11" text-anchor="end">${signed(high, 1)}</text>`,
  ].join('\n')
}

function drawLegend(): string {
  const entries: [number, string, string][] = [
    ...Array.from({ length: CLASSES }, (_, k): [number, string, string] => [
      LEFT + 6 + 78 * k,
      dot(0, 0, CLASS_COLOURS[k]).replace('r="2"', 'r="4"'),
      `class ${k + 1}`,
    ]),
    [302, triangle(0, 0), 'training negatives (left of the dashes)'],
    [568, cross(0, 0), 'test anomalies'],
    [702, '<path d="M-10 0h20" stroke="black" stroke-width="1.8"/>', 'threshold of TPR 95 %'],
  ]
  return entries
    .map(
      ([x, mark, label]) =>
        `<g transform="translate(${x} ${LEGEND})">${mark}<text x="${mark.includes('h20') ? 16 : 10}" y="4">${label}</text></g>`,
    )
    .join('\n')
}

/** A score map as the data URI of a PNG. */
async function paint(map: Float32Array, [low, high]: readonly [number, number]): Promise<string> {
  const side = Math.sqrt(map.length)
  const pixels = new Uint8Array(3 * map.length)
  const table = Array.from({ length: 256 }, (_, i) =>
    interpolateBlues(i / 255)
      .match(/\d+/g)!
      .map(Number),
  )
  map.forEach((score, i) => {
    const part = Math.min(1, Math.max(0, (score - low) / (high - low)))
    pixels.set(table[Math.round(255 * part)], 3 * i)
  })
  const png = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}

/** The 1st and the 99th percentile. */
function percentiles(map: Float32Array): [number, number] {
  const sorted = map.slice().sort()
  return [sorted[Math.floor(0.01 * sorted.length)], sorted[Math.floor(0.99 * sorted.length)]]
}

function round(value: number): number {
  return Math.round(100 * value) / 100
}

/** With a minus sign instead of a hyphen, and none before zero. */
function signed(value: number, digits = 0): string {
  return value
    .toFixed(digits)
    .replace(/^-(?=[0.]*$)/, '')
    .replace('-', '−')
}
