import type { Random } from '../../random.ts'
import { mixRgb, type Rgb, scaleRgb, srgb, vary } from './color.ts'
import { between, chance } from './draw.ts'

/** How a facade looks; lengths in metres. */
export interface FacadeStyle {
  readonly pattern: 'plaster' | 'brick' | 'panels' | 'glass'
  readonly wall: Rgb
  readonly trim: Rgb
  readonly glass: Rgb
  readonly shop: Rgb
  /** Horizontal period of windows, and storey height. */
  readonly bay: number
  readonly storey: number
  /** Height of the ground floor. */
  readonly groundFloor: number
  readonly shopFront: boolean
  /** Edges of a window in a bay and storey. */
  readonly window: {
    readonly left: number
    readonly right: number
    readonly bottom: number
    readonly top: number
  }
  readonly frame: number
  /** Height of the cornice under the eaves. */
  readonly cornice: number
  /** Whole number that keys what differs from window to window. */
  readonly key: number
}

/** A box along the street, possibly with a roof. Metres. */
export interface Building {
  readonly side: -1 | 1
  readonly near: number
  readonly far: number
  /** |x| of the wall that faces the street, and the depth behind it. */
  readonly inner: number
  readonly deep: number
  readonly height: number
  /** Height of the ridge over the eaves; 0 for a flat roof. */
  readonly roofRise: number
  readonly roof: Rgb
  readonly style: FacadeStyle
}

const WALLS: Record<FacadeStyle['pattern'], readonly number[]> = {
  plaster: [
    0xd8cdb8, 0xe6dfd0, 0xc9b08a, 0xb9c2c4, 0xd9b48f, 0xa8a39a, 0xc98f77, 0xdcc87c, 0x9fb09a, 0x8e99a8,
  ],
  brick: [0x8f4b3a, 0xa65d45, 0x7a4a3f, 0xb07a55, 0x6e5a50, 0xa88a6c],
  panels: [0x9a9a98, 0x7f868c, 0xb3aca0, 0x5f6468, 0xc4c4c0, 0x74808f],
  glass: [0x3f5363, 0x4d6066, 0x2f3d4c, 0x566b74],
}
const ROOFS = [0x7d4335, 0x5a5a5e, 0x43444a, 0x8a5a42, 0x6d4c41]
const SHOPS = [0x7a1f24, 0x1f3f6b, 0x2d5a3a, 0x2a2a2c, 0xc9a227, 0xd8d4c8, 0x5d3a66]

/** Houses along both sides up to 130 m, with gaps, leaving the junction free. `outer` is where they may begin. */
export function createBuildings(
  rng: Random,
  kind: 'city' | 'avenue' | 'suburb',
  outer: readonly [number, number],
  junction: { readonly near: number; readonly far: number } | undefined,
): Building[] {
  const buildings: Building[] = []
  for (const side of [-1, 1] as const) {
    const start = side < 0 ? outer[0] : outer[1]
    const setback = kind === 'suburb' ? between(rng, 2.5, 6) : chance(rng, 0.7) ? 0 : between(rng, 0.5, 4)
    const storeys =
      kind === 'city' ? rng.integer(3, 7) : kind === 'avenue' ? rng.integer(2, 5) : rng.integer(1, 2)
    let z = between(rng, -24, -8)
    while (z < 130) {
      const near = z
      const far = near + (kind === 'suburb' ? between(rng, 8, 15) : between(rng, 9, 26))
      z = far + (kind === 'suburb' ? between(rng, 2.5, 8) : chance(rng, 0.14) ? between(rng, 2, 12) : 0)
      if (junction !== undefined && near < junction.far + 4 && far > junction.near - 4) {
        if (near > junction.near - 4) {
          z = Math.max(junction.far + 4, near + 0.1)
          continue
        }
        z = junction.far + between(rng, 3, 5)
        if (junction.near - 4 - near < 4) continue
        buildings.push(createBuilding(rng, side, near, junction.near - 4, start + setback, kind, storeys))
        continue
      }
      buildings.push(createBuilding(rng, side, near, far, start + setback, kind, storeys))
    }
  }
  return buildings
}

function createBuilding(
  rng: Random,
  side: -1 | 1,
  near: number,
  far: number,
  inner: number,
  kind: 'city' | 'avenue' | 'suburb',
  usualStoreys: number,
): Building {
  const storeys = Math.max(1, usualStoreys + rng.integer(-1, 1))
  const style = createStyle(rng, kind)
  const pitched = kind === 'suburb' ? chance(rng, 0.9) : chance(rng, 0.45) && style.pattern !== 'glass'
  return {
    side,
    near,
    far,
    inner: inner + (chance(rng, 0.3) ? between(rng, 0, 0.8) : 0),
    deep: between(rng, 8, 14),
    height: style.groundFloor + (storeys - 1) * style.storey + between(rng, 0.5, 1.1),
    roofRise: pitched ? between(rng, 1.8, 4) : 0,
    roof: vary(rng, srgb(rng.pick(ROOFS)), 0.2),
    style,
  }
}

function createStyle(rng: Random, kind: 'city' | 'avenue' | 'suburb'): FacadeStyle {
  const pattern = rng.pick(
    kind === 'suburb'
      ? (['plaster', 'plaster', 'brick'] as const)
      : (['plaster', 'plaster', 'plaster', 'brick', 'brick', 'panels', 'glass'] as const),
  )
  const wall = vary(rng, srgb(rng.pick(WALLS[pattern])), 0.22)
  const bay = between(rng, 1.9, 3.6)
  const storey = between(rng, 2.8, 3.5)
  const shopFront = kind !== 'suburb' && chance(rng, 0.5)
  const wide = pattern === 'glass' ? 0.94 : between(rng, 0.38, 0.7)
  const left = bay * (0.5 - wide / 2)
  const bottom = pattern === 'glass' ? 0.3 : between(rng, 0.7, 1.05)
  const bright = rng.uniform() < 0.6
  return {
    pattern,
    wall,
    trim: bright
      ? mixRgb(wall, srgb(0xf0ebe0), between(rng, 0.3, 0.9))
      : scaleRgb(wall, between(rng, 0.4, 0.8)),
    glass: vary(rng, srgb(0x2d3740), 0.4),
    shop: vary(rng, srgb(rng.pick(SHOPS)), 0.2),
    bay,
    storey,
    groundFloor: shopFront ? between(rng, 3.4, 4.4) : between(rng, 2.9, 3.6),
    shopFront,
    window: {
      left,
      right: bay - left,
      bottom,
      top: Math.min(storey - 0.25, bottom + between(rng, 1.3, 1.9)),
    },
    frame: between(rng, 0.06, 0.16),
    cornice: chance(rng, 0.6) ? between(rng, 0.25, 0.6) : 0.12,
    key: rng.integer(0, 1 << 24),
  }
}
