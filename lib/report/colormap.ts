import { interpolateInferno, interpolateMagma, interpolateViridis } from 'd3-scale-chromatic'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { type Colour, checkPalette, classColours, IGNORE_COLOUR, UNKNOWN_COLOUR } from '../palette.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkOneOf, checkTensor, invalid } from '../validate.ts'

export { type Colour, classColours, IGNORE_COLOUR, UNKNOWN_COLOUR } from '../palette.ts'

/** Perceptually even colour maps: equal steps of the score look equal. */
export const COLORMAPS = ['viridis', 'magma', 'inferno'] as const

/** Name of a colour map. */
export type ColormapName = (typeof COLORMAPS)[number]

/** Colour of scores that are not a number. */
const NAN_COLOUR: Colour = [128, 128, 128]

const INTERPOLATORS: Record<ColormapName, (t: number) => string> = {
  viridis: interpolateViridis,
  magma: interpolateMagma,
  inferno: interpolateInferno,
}

const tables = new Map<ColormapName, Uint8Array>()

/**
 * The 256 colours of a colour map, lowest first.
 *
 * @returns 256×3 RGB
 * @throws DenseHybridError `INVALID_ARGUMENT` naming the known maps
 */
export function colormap(name: ColormapName): Tensor<Uint8Array> {
  checkOneOf('colormap', name, COLORMAPS)
  let table = tables.get(name)
  if (table === undefined) {
    table = new Uint8Array(768)
    for (let i = 0; i < 256; i++) table.set(parseHex(INTERPOLATORS[name](i / 255)), 3 * i)
    tables.set(name, table)
  }
  return tensor(table.slice(), [256, 3])
}

/**
 * Paints a score map: `range[0]` and below is the lowest colour, `range[1]` and above the highest, NaN is grey.
 *
 * @param scores H×W
 * @param range Give one range to all pictures of a report, so that their colours mean the same.
 * @returns H×W×3 RGB
 */
export function paintScores(
  scores: Tensor,
  range: readonly [number, number],
  name: ColormapName = 'inferno',
): Tensor<Uint8Array> {
  checkTensor('scores', scores, Float32Array, 2)
  const [low, high] = checkRange('range', range)
  const table = colormap(name).data
  const painted = new Uint8Array(3 * scores.data.length)
  for (let i = 0; i < scores.data.length; i++) {
    const score = scores.data[i]
    if (Number.isNaN(score)) painted.set(NAN_COLOUR, 3 * i)
    else {
      const step = 3 * Math.round(255 * Math.min(1, Math.max(0, (score - low) / (high - low))))
      painted[3 * i] = table[step]
      painted[3 * i + 1] = table[step + 1]
      painted[3 * i + 2] = table[step + 2]
    }
  }
  return tensor(painted, [...scores.shape, 3])
}

/** Checks [min, max] with min < max, both finite. */
export function checkRange(name: string, range: readonly [number, number]): readonly [number, number] {
  const good = Array.isArray(range) && range.length === 2 && range.every((bound) => Number.isFinite(bound))
  if (!good || !(range[0] < range[1])) throw invalid(name, '[min, max] with min < max', range)
  return range
}

/**
 * A range for `paintScores` that a few extreme pixels cannot stretch: the 1st and 99th percentile of all finite scores
 * of all maps, or of an even subset of about a million.
 */
export function scoreRange(
  maps: readonly Tensor[],
  percentiles: readonly [number, number] = [1, 99],
): [number, number] {
  const total = maps.reduce((sum, { data }) => sum + data.length, 0)
  const stride = Math.max(1, Math.floor(total / 1e6))
  const sample: number[] = []
  for (const { data } of maps) {
    for (let i = 0; i < data.length; i += stride) if (Number.isFinite(data[i])) sample.push(data[i])
  }
  if (sample.length === 0) return [0, 1]
  const sorted = Float32Array.from(sample).sort()
  const at = (percentile: number) => sorted[Math.round((percentile / 100) * (sorted.length - 1))]
  const [low, high] = percentiles.map(at)
  return low < high ? [low, high] : [low - 0.5, low + 0.5]
}

/**
 * Colour of every label value: classes, K and UNKNOWN_LABEL as unknown, everything else as ignore.
 *
 * @param palette one colour for every class. Default: `classColours`
 * @returns 256×3 RGB
 * @throws DenseHybridError `INVALID_ARGUMENT`
 */
export function labelColours(classes: readonly string[], palette?: readonly Colour[]): Tensor<Uint8Array> {
  if (classes.length > UNKNOWN_LABEL)
    throw invalid('classes', `at most ${UNKNOWN_LABEL} names`, classes.length)
  const colours = palette === undefined ? classColours(classes) : checkPalette(palette, classes.length)
  const table = new Uint8Array(768)
  for (let label = 0; label <= IGNORE_LABEL; label++) table.set(IGNORE_COLOUR, 3 * label)
  colours.forEach((colour, label) => {
    table.set(colour, 3 * label)
  })
  table.set(UNKNOWN_COLOUR, 3 * classes.length)
  table.set(UNKNOWN_COLOUR, 3 * UNKNOWN_LABEL)
  return tensor(table, [256, 3])
}

function parseHex(text: string): Colour {
  const value = Number.parseInt(text.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}
