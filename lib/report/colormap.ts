import { interpolateInferno, interpolateMagma, interpolateViridis } from 'd3-scale-chromatic'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkOneOf, checkTensor, invalid } from '../validate.ts'

/** Red, green, blue, 0 … 255 each. */
export type Colour = readonly [number, number, number]

/** Perceptually even colour maps: equal steps of the score look equal. */
export const COLORMAPS = ['viridis', 'magma', 'inferno'] as const

/** Name of a colour map. */
export type ColormapName = (typeof COLORMAPS)[number]

/** Colour of pixels that are rejected as unknown: vivid, and used for nothing else. */
export const UNKNOWN_COLOUR: Colour = [255, 0, 190]

/** Colour of pixels without a label. */
export const IGNORE_COLOUR: Colour = [58, 58, 58]

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

/** Colours of things commonly seen in streets, under the names that data sets give them. */
const STREET_COLOURS: readonly [Colour, string][] = [
  [[122, 80, 140], 'road street asphalt drivable'],
  [[224, 150, 205], 'sidewalk pavement footpath walkway'],
  [[236, 236, 236], 'lanemarking roadmarking roadline lanemarkings roadlines'],
  [[176, 136, 100], 'building buildings house'],
  [[128, 128, 176], 'wall'],
  [[208, 168, 160], 'fence guardrail barrier'],
  [[188, 194, 186], 'pole columnpole column polegroup poles'],
  [[250, 176, 40], 'trafficlight trafficlights'],
  [[232, 226, 60], 'trafficsign trafficsigns sign signsymbol'],
  [[66, 138, 58], 'vegetation tree trees bush'],
  [[160, 208, 120], 'terrain grass ground earth'],
  [[122, 186, 236], 'sky'],
  [[226, 48, 56], 'person pedestrian people human'],
  [[250, 116, 50], 'rider bicyclist cyclist'],
  [[38, 80, 206], 'car cars vehicle'],
  [[16, 36, 112], 'truck van'],
  [[0, 132, 158], 'bus'],
  [[0, 166, 118], 'train tram'],
  [[96, 50, 220], 'motorcycle motorbike motorcyclescooter'],
  [[140, 30, 70], 'bicycle bike'],
]

const KNOWN_COLOURS = new Map(
  STREET_COLOURS.flatMap(([colour, names]) => names.split(' ').map((n) => [n, colour])),
)

/**
 * One colour for every class: common street classes have the same colour in every report, the others get the colour
 * that is farthest from all colours in use, so that any two differ. The same names give the same colours.
 *
 * @param classes names; index = label
 */
export function classColours(classes: readonly string[]): Colour[] {
  const taken: Colour[] = [UNKNOWN_COLOUR, IGNORE_COLOUR]
  const colours: (Colour | undefined)[] = classes.map((name) => {
    const colour = KNOWN_COLOURS.get(name.toLowerCase().replaceAll(/[^a-z]/g, ''))
    if (colour === undefined || taken.includes(colour)) return undefined
    taken.push(colour)
    return colour
  })
  const distance = CANDIDATES.map((candidate) =>
    Math.min(...taken.map((colour) => difference(candidate, colour))),
  )
  return colours.map((colour) => {
    if (colour !== undefined) return colour
    const best = distance.indexOf(Math.max(...distance))
    const chosen = CANDIDATES[best]
    for (let i = 0; i < distance.length; i++)
      distance[i] = Math.min(distance[i], difference(CANDIDATES[i], chosen))
    return chosen
  })
}

/**
 * Colour of every label value: classes, K and UNKNOWN_LABEL as unknown, everything else as ignore.
 *
 * @returns 256×3 RGB
 */
export function labelColours(classes: readonly string[]): Tensor<Uint8Array> {
  if (classes.length > UNKNOWN_LABEL)
    throw invalid('classes', `at most ${UNKNOWN_LABEL} names`, classes.length)
  const table = new Uint8Array(768)
  for (let label = 0; label <= IGNORE_LABEL; label++) table.set(IGNORE_COLOUR, 3 * label)
  classColours(classes).forEach((colour, label) => {
    table.set(colour, 3 * label)
  })
  table.set(UNKNOWN_COLOUR, 3 * classes.length)
  table.set(UNKNOWN_COLOUR, 3 * UNKNOWN_LABEL)
  return tensor(table, [256, 3])
}

/** An even grid of colours to choose from, without the near-black ones. */
const CANDIDATES: readonly Colour[] = Array.from({ length: 512 }, (_, i) => {
  const level = (shift: number) => Math.round((((i >> shift) & 7) / 7) * 255)
  return [level(6), level(3), level(0)] as const
}).filter(([r, g, b]) => r + g + b > 120)

/** Squared distance as the eye sees it, roughly: weights of the channels grow with the mean red ("redmean"). */
function difference(a: Colour, b: Colour): number {
  const red = (a[0] + b[0]) / 2
  const [dr, dg, db] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
  return (2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db
}

function parseHex(text: string): Colour {
  const value = Number.parseInt(text.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}
