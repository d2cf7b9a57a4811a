import type { Random } from '../../random.ts'
import { type Building, createBuildings } from './building-plan.ts'
import { mixRgb, type Rgb, srgb, vary } from './color.ts'
import { between, chance, eitherSign } from './draw.ts'

/** One side of the street, from the kerb outwards; widths in metres. */
interface StreetSide {
  /** Grass between kerb and pavement; 0 for none. */
  readonly verge: number
  readonly pavement: number
  /** |x| of the pavement's outer edge. */
  readonly outer: number
  /** What lies between the pavement and the houses, and in gaps. */
  readonly garden: 'grass' | 'paved'
}

/** The plan of a street: everything that does not move. x from the axis, z ahead of the camera, metres. */
export interface Street {
  readonly kind: 'city' | 'avenue' | 'suburb'
  /** Half of the road's width, kerb to kerb. */
  readonly roadHalf: number
  /** Left and right. */
  readonly sides: readonly [StreetSide, StreetSide]
  /** A road that crosses between these z, or none. */
  readonly junction?: { readonly near: number; readonly far: number }
  /** Nearest z of zebra crossings, each ZEBRA_LENGTH deep. */
  readonly zebras: readonly number[]
  readonly centreLine: 'dashed' | 'solid' | 'double' | 'none'
  readonly edgeLines: boolean
  readonly parking: boolean
  /** Traffic keeps to this side: 1 right, −1 left. */
  readonly driveSide: -1 | 1
  readonly asphalt: Rgb
  readonly paving: Rgb
  readonly grass: Rgb
  readonly paint: Rgb
  /** Side of the paving slabs in metres. */
  readonly slab: number
  /** Share of paint that wear has left. */
  readonly paintWear: number
  readonly buildings: readonly Building[]
}

/** Depth of a zebra crossing in metres. */
export const ZEBRA_LENGTH = 3

/** Draws the plan of a street. */
export function createStreet(rng: Random): Street {
  const kind = rng.pick(['city', 'city', 'avenue', 'suburb'] as const)
  const parking = chance(rng, 0.65)
  const lanes = kind === 'suburb' ? between(rng, 2.8, 3.4) : between(rng, 3, 5.4)
  const roadHalf = lanes + (parking ? 2.1 : 0)
  const junction = chance(rng, 0.4) ? createJunction(rng) : undefined
  const side = (): StreetSide => {
    const verge = kind === 'avenue' || chance(rng, 0.3) ? between(rng, 0.9, 2.4) : 0
    const pavement = kind === 'suburb' ? between(rng, 1.4, 2.2) : between(rng, 2, 4.2)
    const garden = kind === 'suburb' || chance(rng, 0.35) ? 'grass' : 'paved'
    return { verge, pavement, outer: roadHalf + 0.25 + verge + pavement, garden }
  }
  const sides = [side(), side()] as const
  const zebras = junction !== undefined && chance(rng, 0.7) ? [junction.near - 4, junction.far + 1] : []
  if (zebras.length === 0 && chance(rng, 0.25)) zebras.push(between(rng, 7, 25))
  return {
    kind,
    roadHalf,
    sides,
    junction,
    zebras,
    centreLine: rng.pick(['dashed', 'dashed', 'dashed', 'solid', 'double', 'none'] as const),
    edgeLines: chance(rng, 0.45),
    parking,
    driveSide: eitherSign(rng),
    asphalt: vary(rng, mixRgb([0.075, 0.075, 0.08], [0.2, 0.195, 0.185], rng.uniform()), 0.15),
    paving: vary(rng, rng.pick([srgb(0x9c9a94), srgb(0x8a8783), srgb(0xa89c8c), srgb(0x9a7f74)]), 0.25),
    grass: vary(rng, rng.pick([srgb(0x5f7d3a), srgb(0x6f8a45), srgb(0x87834e)]), 0.25),
    paint: rng.uniform() < 0.15 ? srgb(0xe2b63c) : srgb(0xe8e6df),
    slab: between(rng, 0.4, 1),
    paintWear: between(rng, 0, 0.5),
    buildings: createBuildings(rng, kind, [sides[0].outer, sides[1].outer], junction),
  }
}

function createJunction(rng: Random) {
  const near = between(rng, 10, 32)
  return { near, far: near + between(rng, 6, 10) }
}
