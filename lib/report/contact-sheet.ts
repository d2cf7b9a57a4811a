import type { Dataset, Sample } from '../data/dataset.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { resampleImage, resampleLabels } from '../data/resample.ts'
import { throwIfAborted } from '../errors.ts'
import { permutation, random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkInteger, checkOptionNames } from '../validate.ts'
import { blendLabels } from './blend-labels.ts'
import { type Colour, labelColours } from './colormap.ts'
import { drawText, fillRectangle, TEXT_HEIGHT, textWidth } from './font.ts'

/** Options of {@link renderContactSheet}. */
export interface ContactSheetOptions {
  /** Samples shown, at most. Default 12. */
  readonly count?: number
  /** Of which samples. Default 0. */
  readonly seed?: number
  /** Width of a picture in pixels. Default 240. */
  readonly width?: number
  readonly signal?: AbortSignal
}

const GAP = 6
const BAND = TEXT_HEIGHT + 6
const TEXT: Colour = [32, 32, 32]
const BACKGROUND: Colour = [255, 255, 255]
const COLUMNS = 3
const OPACITY = 0.65

/**
 * Some samples of a data set at a glance: each as image and, beside it, its labels in colour, under its id; below them
 * the colours of the labels that occur, with the share of the shown pixels that each has.
 *
 * @returns height×width×3 RGB; write it with `writeImage`
 * @throws DenseHybridError INVALID_ARGUMENT; ABORTED; the errors of the data set's items
 */
export async function renderContactSheet(
  dataset: Dataset,
  options: ContactSheetOptions = {},
): Promise<Tensor<Uint8Array>> {
  checkOptionNames('renderContactSheet', options, ['count', 'seed', 'width', 'signal'])
  const count = Math.min(dataset.length, checkInteger('count', options.count ?? 12, 1, 1000))
  const width = checkInteger('width', options.width ?? 240, 32, 4096)
  const seed = checkInteger('seed', options.seed ?? 0, 0)
  const chosen = permutation(dataset.length, random(seed))
    .slice(0, count)
    .sort((a, b) => a - b)
  const samples: Sample[] = []
  const pixels = new Float64Array(256)
  for (const index of chosen) {
    throwIfAborted(options.signal)
    const sample = await dataset.item(index)
    for (const label of sample.labels.data) pixels[label]++
    samples.push(await thumbnail(sample, width))
  }
  const { classes } = dataset
  // Anomaly masks have no classes: 0 is what is not an anomaly.
  const names = classes.length > 0 ? classes : ['inlier']
  const colours = labelColours(names, classes.length > 0 ? dataset.palette : undefined)
  const height = Math.max(...samples.map(({ image }) => image.shape[0]))
  const columns = Math.min(COLUMNS, count)
  const cell = { width: 2 * width + 2, height: height + BAND }
  const rows = Math.ceil(count / columns)
  const total = columns * (cell.width + GAP) + GAP
  const legend = legendRows(names, pixels, total - 2 * GAP)
  const canvas = blank(rows * (cell.height + GAP) + GAP + legend.length * (BAND + 4) + GAP, total)
  for (const [i, { id, image, labels }] of samples.entries()) {
    const left = GAP + (i % columns) * (cell.width + GAP)
    const top = GAP + Math.floor(i / columns) * (cell.height + GAP)
    drawText(canvas, left, top + 2, shortened(id, cell.width), TEXT)
    place(canvas, image, top + BAND, left)
    const shown = blendLabels(image, labels, colours, names.length, OPACITY)
    place(canvas, shown, top + BAND, left + width + 2)
  }
  for (const [row, entries] of legend.entries()) {
    const y = rows * (cell.height + GAP) + GAP + row * (BAND + 4)
    for (const { label, text, x } of entries) {
      const [r, g, b] = colours.data.subarray(3 * label, 3 * label + 3)
      fillRectangle(canvas, GAP + x, y, BAND, BAND, [r, g, b])
      drawText(canvas, GAP + x + BAND + 4, y + 3, text, TEXT)
    }
  }
  return canvas
}

interface LegendEntry {
  label: number
  text: string
  x: number
}

/** The labels that occur, most frequent first, in rows of at most `width` pixels. */
function legendRows(names: readonly string[], pixels: Float64Array, width: number): LegendEntry[][] {
  const total = pixels.reduce((sum, value) => sum + value, 0)
  const title = (label: number) =>
    label === UNKNOWN_LABEL
      ? 'unknown'
      : label === IGNORE_LABEL
        ? 'ignore'
        : (names[label] ?? `label ${label}`)
  const occurring = [...pixels.keys()].filter((label) => pixels[label] > 0)
  const rows: LegendEntry[][] = [[]]
  let x = 0
  for (const label of occurring.sort((a, b) => pixels[b] - pixels[a])) {
    const text = `${title(label)} ${((100 * pixels[label]) / total).toFixed(1)} %`
    const needed = BAND + 4 + textWidth(text) + 16
    if (x > 0 && x + needed > width) {
      rows.push([])
      x = 0
    }
    rows.at(-1)?.push({ label, text, x })
    x += needed
  }
  return rows
}

async function thumbnail({ id, image, labels }: Sample, width: number): Promise<Sample> {
  const [h, w] = image.shape
  const height = Math.max(1, Math.round((h * width) / w))
  const all = { top: 0, left: 0, height: h, width: w }
  return {
    id,
    image: await resampleImage(image, all, height, width),
    labels: resampleLabels(labels, all, height, width),
  }
}

function blank(height: number, width: number): Tensor<Uint8Array> {
  const canvas = tensor(new Uint8Array(3 * height * width), [height, width, 3])
  fillRectangle(canvas, 0, 0, width, height, BACKGROUND)
  return canvas
}

function place(canvas: Tensor<Uint8Array>, picture: Tensor<Uint8Array>, top: number, left: number): void {
  const [height, width] = picture.shape
  for (let y = 0; y < height; y++) {
    const line = picture.data.subarray(3 * y * width, 3 * (y + 1) * width)
    canvas.data.set(line, 3 * ((top + y) * canvas.shape[1] + left))
  }
}

/** The end of an id that fits: its beginning is often the same for all. */
function shortened(id: string, width: number): string {
  let text = id
  while (text.length > 1 && textWidth(text) > width) text = `..${text.slice(3)}`
  return text
}
