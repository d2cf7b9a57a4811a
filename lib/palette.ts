import { invalid } from './validate.ts'

/** Red, green, blue, 0 … 255 each. */
export type Colour = readonly [number, number, number]

/** Colour of pixels that are rejected as unknown: vivid, and used for nothing else. */
export const UNKNOWN_COLOUR: Colour = [255, 0, 190]

/** Colour of pixels without a label. */
export const IGNORE_COLOUR: Colour = [58, 58, 58]

/** Is it three whole numbers from 0 to 255? */
export function isColour(value: unknown): value is Colour {
  const isByte = (part: unknown) => Number.isInteger(part) && (part as number) >= 0 && (part as number) <= 255
  return Array.isArray(value) && value.length === 3 && value.every(isByte)
}

/**
 * Checks one colour for every class.
 *
 * @param count K
 * @throws DenseHybridError INVALID_ARGUMENT naming the first wrong colour
 */
export function checkPalette(palette: unknown, count: number): readonly Colour[] {
  if (!Array.isArray(palette)) throw invalid('palette', 'a list of colours [red, green, blue]', palette)
  if (palette.length !== count)
    throw invalid('palette.length', `${count}, one colour for every class,`, palette.length)
  for (const [label, colour] of palette.entries()) {
    if (!isColour(colour)) throw invalid(`palette[${label}]`, 'three whole numbers from 0 to 255', colour)
  }
  return palette.map(([red, green, blue]) => [red, green, blue] as const)
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
 * @param chosen colours that are decided already, by label; the others keep clear of them
 */
export function classColours(
  classes: readonly string[],
  chosen: readonly (Colour | undefined)[] = [],
): Colour[] {
  const taken: Colour[] = [UNKNOWN_COLOUR, IGNORE_COLOUR, ...chosen.filter((colour) => colour !== undefined)]
  const isTaken = (colour: Colour) => taken.some((other) => other.every((value, c) => value === colour[c]))
  const colours: (Colour | undefined)[] = classes.map((name, label) => {
    if (chosen[label] !== undefined) return chosen[label]
    const colour = KNOWN_COLOURS.get(name.toLowerCase().replaceAll(/[^a-z]/g, ''))
    if (colour === undefined || isTaken(colour)) return undefined
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
