import type { Building } from './building-plan.ts'
import { type Camera, columnOf, lateralOf } from './camera.ts'
import { Known } from './classes.ts'
import { timesRgb } from './color.ts'
import { paintWallColumn } from './facades.ts'
import { hazeAt, lampOf, shade } from './light.ts'
import { texel } from './noise.ts'
import type { Stage } from './stage.ts'

/** Nothing closer than this many metres is drawn of a building. */
const CLOSEST = 0.7

/** Paints all houses, near ones first: what they hide is not painted. */
export function paintBuildings(stage: Stage): void {
  const order = [...stage.street.buildings].filter((b) => b.far > CLOSEST).sort((a, b) => a.near - b.near)
  for (const building of order) {
    if (building.near > CLOSEST) paintEndWall(stage, building)
    paintStreetWall(stage, building)
  }
}

/** z > 0 where the ray through `column` meets the curved wall at `x` metres from the axis; NaN where it does not. */
function wallDepth(camera: Camera, column: number, x: number): number {
  // ½·κ·z² + (heading − t)·z + (x − offset) = 0 with t = (column − centre) / focal
  const a = 0.5 * camera.curvature
  const b = camera.heading - (column - camera.centre) / camera.focal
  const c = x - camera.offset
  if (Math.abs(a) < 1e-7) return -c / b
  const discriminant = b * b - 4 * a * c
  if (discriminant < 0) return Number.NaN
  const root = Math.sqrt(discriminant)
  const first = (-b - root) / (2 * a)
  const second = (-b + root) / (2 * a)
  const near = Math.min(first, second)
  return near > 0 ? near : Math.max(first, second)
}

/** The wall along the street, column by column, with the roof over it. */
function paintStreetWall(stage: Stage, building: Building): void {
  const { camera, canvas, light } = stage
  const x = building.side * building.inner
  const near = Math.max(building.near, CLOSEST)
  const ends = [columnOf(camera, x, near), columnOf(camera, x, building.far)]
  const turn = Math.sqrt(Math.abs((2 * (x - camera.offset)) / (camera.curvature || 1e-9)))
  if (turn > near && turn < building.far) ends.push(columnOf(camera, x, turn))
  const first = Math.max(0, Math.floor(Math.min(...ends)))
  const last = Math.min(canvas.width - 1, Math.ceil(Math.max(...ends)))
  const lit = shade(lampOf(light, 1), -building.side, 0, 0)
  const shaded = shade(lampOf(light, 0), -building.side, 0, 0)
  for (let column = first; column <= last; column++) {
    const z = wallDepth(camera, column + 0.5, x)
    if (!(z >= near && z <= building.far)) continue
    paintWallColumn(stage, building.style, {
      x: column,
      z,
      along: z - building.near,
      height: building.height,
      lit,
      shaded,
      shadowHeight: shadowHeight(stage, x, z),
    })
    if (building.roofRise > 0) paintRoofColumn(stage, building, column, z)
  }
}

/** Height on the wall at (x, z) below which the houses across the street shade it. */
function shadowHeight(stage: Stage, x: number, z: number): number {
  const inside = x - Math.sign(x) * 0.05
  if (stage.sunShadow.visibility(inside, 0, z) > 0.5) return 0
  let low = 0
  let high = 32
  for (let i = 0; i < 6; i++) {
    const middle = (low + high) / 2
    if (stage.sunShadow.visibility(inside, middle, z) > 0.5) high = middle
    else low = middle
  }
  return high
}

/** The slope of the roof that shows over the eaves, from the wall back to the ridge. */
function paintRoofColumn(stage: Stage, building: Building, column: number, z: number): void {
  const { camera, canvas, light, tiles } = stage
  const ridgeX = building.side * (building.inner + building.deep / 2)
  const ridgeZ = Math.min(wallDepth(camera, column + 0.5, ridgeX), building.far)
  if (!(ridgeZ >= z)) return
  const share = Math.min(1, (ridgeZ - z) / 25 + 0.3)
  const eaves = camera.horizon + (camera.focal * (camera.elevation - building.height)) / z
  const peak = building.height + building.roofRise * share
  const ridge = camera.horizon + (camera.focal * (camera.elevation - peak)) / (z + (ridgeZ - z) * share)
  const bottom = Math.min(canvas.height, Math.ceil(eaves - 0.5))
  const up = building.deep / 2 / Math.hypot(building.deep / 2, building.roofRise)
  const out = building.roofRise / Math.hypot(building.deep / 2, building.roofRise)
  const color = timesRgb(building.roof, shade(lampOf(light, 1), -building.side * out, up, 0))
  const haze = hazeAt(light, z)
  for (let row = Math.max(0, Math.ceil(ridge - 0.5)); row < bottom; row++) {
    const sample = row * canvas.width + column
    if (canvas.depth[sample] <= z) continue
    const course = ((row - eaves) / (ridge - eaves)) * 14
    const tile =
      1 + 0.16 * texel(tiles.grain, z * 4, course * 1.1) - (course - Math.floor(course) < 0.3 ? 0.14 : 0)
    for (let c = 0; c < 3; c++) {
      canvas.rgb[3 * sample + c] = color[c] * tile * (1 - haze) + light.fog[c] * haze
    }
    canvas.labels[sample] = Known.building
    canvas.depth[sample] = z
  }
}

/** The wall at the near end, seen over gaps; its outline is the roof's gable. */
function paintEndWall(stage: Stage, building: Building): void {
  const { camera, canvas, light } = stage
  const z = building.near
  const street = building.side * building.inner
  const back = building.side * (building.inner + building.deep)
  const left = columnOf(camera, Math.min(street, back), z)
  const right = columnOf(camera, Math.max(street, back), z)
  const first = Math.max(0, Math.ceil(left - 0.5))
  const end = Math.min(canvas.width, Math.ceil(right - 0.5))
  const visible = stage.sunShadow.visibility(street, building.height / 2, z - 0.5)
  const lit = shade(lampOf(light, visible), 0, 0, -1)
  const blind = {
    ...building.style,
    shopFront: false,
    cornice: 0,
    bay: building.style.bay * 1.7,
    groundFloor: 3,
  }
  for (let column = first; column < end; column++) {
    const along = Math.abs(lateralOf(camera, column + 0.5, z) - street)
    const gable = building.roofRise * (1 - Math.abs(along / (building.deep / 2) - 1))
    const height = building.height + Math.max(0, gable)
    paintWallColumn(stage, blind, { x: column, z, along, height, lit, shaded: lit, shadowHeight: 0 })
  }
}

/** True where a point of the street lies behind a house, seen from the camera. */
export function hiddenByHouses(
  camera: Camera,
  buildings: readonly Building[],
  x: number,
  z: number,
): boolean {
  const column = columnOf(camera, x, z)
  return buildings.some((building) => {
    const depth = wallDepth(camera, column, building.side * building.inner)
    return depth < z - 0.1 && depth > Math.max(building.near, CLOSEST) && depth < building.far
  })
}
