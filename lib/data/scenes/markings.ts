import { type Street, ZEBRA_LENGTH } from './street.ts'

const LINE = 0.09
const DASH = 3.5
const DASH_PERIOD = 8
const STRIPE = 0.5

/** Intervals [from, to] of x (metres from the axis) that carry paint at distance z. */
export function roadMarkings(street: Street, z: number): [number, number][] {
  const { roadHalf, junction } = street
  if (junction !== undefined && z > junction.near - 0.8 && z < junction.far + 0.8) return []
  for (const zebra of street.zebras) {
    if (z >= zebra && z < zebra + ZEBRA_LENGTH) return zebraStripes(roadHalf)
    if (z > zebra - 1.2 && z < zebra - 0.7) return stopLine(street)
    if (z > zebra - 1.2 && z < zebra + ZEBRA_LENGTH + 0.6) return []
  }
  const spans: [number, number][] = []
  const dash = z % DASH_PERIOD < DASH
  switch (street.centreLine) {
    case 'dashed':
      if (dash) spans.push([-LINE, LINE])
      break
    case 'solid':
      spans.push([-LINE, LINE])
      break
    case 'double':
      spans.push([-0.24, -0.08], [0.08, 0.24])
      break
  }
  const edge = street.parking ? roadHalf - 2.1 : roadHalf - 0.35
  if (edge > 5 && dash) spans.push([edge / 2 - 0.07, edge / 2 + 0.07], [-edge / 2 - 0.07, -edge / 2 + 0.07])
  if (street.edgeLines) spans.push([edge - 0.07, edge + 0.07], [-edge - 0.07, -edge + 0.07])
  if (street.parking && z % 5.6 < 0.12) spans.push([edge, roadHalf - 0.1], [0.1 - roadHalf, -edge])
  return spans
}

function zebraStripes(roadHalf: number): [number, number][] {
  const spans: [number, number][] = []
  for (let x = -roadHalf + 0.3; x + STRIPE < roadHalf; x += 2 * STRIPE) spans.push([x, x + STRIPE])
  return spans
}

/** Across the lanes that drive ahead. */
function stopLine(street: Street): [number, number][] {
  return street.driveSide > 0 ? [[0.1, street.roadHalf - 0.2]] : [[0.2 - street.roadHalf, -0.1]]
}
