import { type Tensor, tensor } from '../tensor.ts'
import { checkInteger, checkNumber, checkOptionNames, checkTensor, invalid } from '../validate.ts'
import { blendLabels } from './blend-labels.ts'
import {
  type ColormapName,
  type Colour,
  checkRange,
  colormap,
  labelColours,
  paintScores,
} from './colormap.ts'
import { drawText, fillRectangle, TEXT_HEIGHT, textWidth } from './font.ts'

/** What one picture of a report shows. */
export interface OverlayOptions {
  /** H×W×3 RGB */
  image: Tensor<Uint8Array>
  /** H×W closed-set labels */
  closed: Tensor<Uint8Array>
  /** H×W open-set labels: K (or UNKNOWN_LABEL) where rejected */
  open: Tensor<Uint8Array>
  /** H×W, larger = more anomalous */
  score: Tensor
  /** [min, max] of the colour scale; the same for all pictures of a report. */
  scoreRange: readonly [number, number]
  /** H×W ground truth */
  truth?: Tensor<Uint8Array>
  /** Names of the K known classes; index = label. */
  classes: readonly string[]
  /** One colour for every class. Default: distinct ones, decided by the names. */
  palette?: readonly Colour[]
  /** Default 'inferno'. */
  colormap?: ColormapName
  /** Share of the class colour over the image, 0 … 1. Default 0.65. */
  opacity?: number
  /** Panels are brought to at least 256 pixels of width by whole factors, and to at most this width. Default 640. */
  maxPanelWidth?: number
}

const OPTION_NAMES = [
  'image',
  'closed',
  'open',
  'score',
  'scoreRange',
  'truth',
  'classes',
  'palette',
  'colormap',
  'opacity',
  'maxPanelWidth',
] as const

const MIN_PANEL_WIDTH = 256
const GAP = 4
const BACKGROUND: Colour = [255, 255, 255]
const TEXT: Colour = [32, 32, 32]

/**
 * One picture with the panels image | closed-set | score | open-set | truth side by side, each under its caption; the
 * caption of the score is its colour scale.
 *
 * @returns height×width×3 RGB; write it with `writeImage`
 * @throws DenseHybridError `INVALID_ARGUMENT` when sizes differ or the range is empty
 */
export function renderOverlay(options: OverlayOptions): Tensor<Uint8Array> {
  checkOptionNames('renderOverlay', options, OPTION_NAMES)
  const { image, closed, open, score, truth, classes, opacity = 0.65, maxPanelWidth = 640 } = options
  checkTensor('image', image, Uint8Array, 3)
  checkNumber('opacity', opacity, 0, 1)
  checkInteger('maxPanelWidth', maxPanelWidth, 16)
  const range = checkRange('scoreRange', options.scoreRange)
  const [height, width, channels] = image.shape
  if (channels !== 3 || height === 0 || width === 0) throw invalid('image.shape', 'H×W×3', image.shape)
  checkSize('score', checkTensor('score', score, Float32Array, 2), image)
  for (const [name, labels] of Object.entries({ closed, open, truth })) {
    if (labels !== undefined) checkSize(name, checkTensor(name, labels, Uint8Array, 2), image)
  }

  const colours = labelColours(classes, options.palette)
  const panels: [string, Tensor<Uint8Array>][] = [
    ['image', image],
    ['closed-set', blendLabels(image, closed, colours, classes.length, opacity)],
    ['score', paintScores(score, range, options.colormap)],
    ['open-set', blendLabels(image, open, colours, classes.length, opacity)],
  ]
  if (truth !== undefined) panels.push(['truth', blendLabels(image, truth, colours, classes.length, opacity)])
  const enlarged = Math.max(1, Math.floor(Math.min(maxPanelWidth, MIN_PANEL_WIDTH * 2 - 1) / width))
  const reduced = Math.ceil(width / maxPanelWidth)
  const sized = panels.map(([, panel]) => (reduced > 1 ? shrink(panel, reduced) : enlarge(panel, enlarged)))

  const [panelHeight, panelWidth] = sized[0].shape
  const scale = Math.max(1, Math.round(panelWidth / 256))
  const band = (TEXT_HEIGHT + 6) * scale
  const totalWidth = sized.length * panelWidth + (sized.length - 1) * GAP
  const canvas = tensor(new Uint8Array(3 * (panelHeight + band) * totalWidth), [
    panelHeight + band,
    totalWidth,
    3,
  ])
  fillRectangle(canvas, 0, 0, totalWidth, panelHeight + band, BACKGROUND)
  sized.forEach((panel, position) => {
    const left = position * (panelWidth + GAP)
    const title = panels[position][0]
    drawText(canvas, left + scale, 3 * scale, title, TEXT, scale)
    if (title === 'score') drawScale(canvas, left, panelWidth, range, options.colormap ?? 'inferno', scale)
    for (let row = 0; row < panelHeight; row++) {
      const line = panel.data.subarray(3 * row * panelWidth, 3 * (row + 1) * panelWidth)
      canvas.data.set(line, 3 * ((band + row) * totalWidth + left))
    }
  })
  return canvas
}

/** Right of the caption: lowest value, colour bar, highest value. Left out where the panel is too narrow. */
function drawScale(
  canvas: Tensor<Uint8Array>,
  left: number,
  width: number,
  range: readonly [number, number],
  name: ColormapName,
  scale: number,
): void {
  const [low, high] = range.map((value) => formatBound(value, range))
  const right = left + width - scale - textWidth(high, scale)
  const first = left + scale + textWidth('score  ', scale)
  const barLeft = first + textWidth(low, scale) + 3 * scale
  const barRight = right - 3 * scale
  if (barRight - barLeft < 24 * scale) return
  drawText(canvas, first, 3 * scale, low, TEXT, scale)
  drawText(canvas, right, 3 * scale, high, TEXT, scale)
  const table = colormap(name).data
  for (let x = barLeft; x < barRight; x++) {
    const step = 3 * Math.round((255 * (x - barLeft)) / (barRight - barLeft - 1))
    const colour = [table[step], table[step + 1], table[step + 2]] as const
    fillRectangle(canvas, x, 3 * scale, 1, TEXT_HEIGHT * scale, colour)
  }
}

/** As many decimals as it takes to tell the bounds apart. */
function formatBound(value: number, [low, high]: readonly [number, number]): string {
  const decimals = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(high - low))))
  return decimals < 6 && Math.abs(value) < 1e6 ? value.toFixed(decimals) : value.toPrecision(3)
}

/** Repeats every pixel `factor` times in both directions. */
function enlarge(panel: Tensor<Uint8Array>, factor: number): Tensor<Uint8Array> {
  if (factor === 1) return panel
  const [h, w] = panel.shape
  const output = tensor(new Uint8Array(3 * h * w * factor * factor), [h * factor, w * factor, 3])
  for (let y = 0; y < h * factor; y++) {
    for (let x = 0; x < w * factor; x++) {
      const source = 3 * (Math.floor(y / factor) * w + Math.floor(x / factor))
      for (let c = 0; c < 3; c++) output.data[3 * (y * w * factor + x) + c] = panel.data[source + c]
    }
  }
  return output
}

/** Mean of every factor×factor block; blocks at the right and lower border may be smaller. */
function shrink(panel: Tensor<Uint8Array>, factor: number): Tensor<Uint8Array> {
  const [h, w] = panel.shape
  const height = Math.ceil(h / factor)
  const width = Math.ceil(w / factor)
  const output = tensor(new Uint8Array(3 * height * width), [height, width, 3])
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bottom = Math.min(h, (y + 1) * factor)
      const right = Math.min(w, (x + 1) * factor)
      const count = (bottom - y * factor) * (right - x * factor)
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (let row = y * factor; row < bottom; row++) {
          for (let column = x * factor; column < right; column++)
            sum += panel.data[3 * (row * w + column) + c]
        }
        output.data[3 * (y * width + x) + c] = sum / count + 0.5
      }
    }
  }
  return output
}

function checkSize(name: string, map: Tensor<Uint8Array | Float32Array>, image: Tensor<Uint8Array>): void {
  const [height, width] = image.shape
  if (map.shape[0] !== height || map.shape[1] !== width) {
    throw invalid(`${name}.shape`, `the size of the image, ${height}×${width},`, map.shape)
  }
}
