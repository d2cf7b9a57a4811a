import type { FacadeStyle } from './building-plan.ts'
import { Known } from './classes.ts'
import type { Rgb } from './color.ts'
import { hazeAt } from './light.ts'
import { hash, TILE } from './noise.ts'
import type { Stage } from './stage.ts'

const MASK = TILE - 1

/** One column of a wall on the canvas. */
export interface WallColumn {
  /** Column of the canvas, and the depth it is seen at in metres. */
  readonly x: number
  readonly z: number
  /** Metres along the wall. */
  readonly along: number
  /** Metres: rows between 0 and this height are painted. */
  readonly height: number
  /** Light per albedo in the sun and in the shade, and the height where the one ends. */
  readonly lit: Rgb
  readonly shaded: Rgb
  readonly shadowHeight: number
}

const color = new Float32Array(3)

const WINDOW_NONE = 0
const WINDOW_FRAME = 1
const WINDOW_GLASS = 2

/** Paints a column of facade from the ground to `height` where nothing nearer is, and notes its depth. */
export function paintWallColumn(stage: Stage, style: FacadeStyle, column: WallColumn): void {
  const { canvas, camera, light, tiles } = stage
  const { z, along } = column
  const metres = z / camera.focal
  const top = Math.max(0, Math.ceil(camera.horizon + (camera.elevation - column.height) / metres - 0.5))
  const bottom = Math.min(canvas.height, Math.ceil(camera.horizon + camera.elevation / metres - 0.5))
  const haze = hazeAt(light, z)
  const [fog0, fog1, fog2] = [light.fog[0] * haze, light.fog[1] * haze, light.fog[2] * haze]
  const { rgb } = canvas
  const bayIndex = Math.floor(along / style.bay)
  const inBay = along - bayIndex * style.bay
  const { left, right } = style.window
  const horizontally = inBay > left && inBay < right
  const onFrame =
    horizontally &&
    (inBay - left < style.frame ||
      right - inBay < style.frame ||
      Math.abs(inBay - style.bay / 2) < style.frame * 0.35)
  const shopBay = inBay > 0.15 && inBay < style.bay - 0.15
  const fine = 1 / (1 + metres * 28)
  const grainColumn = Math.floor(along * 19) & MASK
  const stainColumn = Math.floor(along * 3 + style.key) & MASK
  const door = !style.shopFront && hash(bayIndex, 77, style.key) < 0.22
  for (let row = top; row < bottom; row++) {
    const sample = row * canvas.width + column.x
    if (canvas.depth[sample] <= z) continue
    const y = camera.elevation - (row + 0.5 - camera.horizon) * metres
    let tone = 1 + 0.1 * tiles.smooth[((Math.floor(y * 2.3) & MASK) << 8) | stainColumn]
    let surface: Rgb = style.wall
    let window = WINDOW_NONE
    let storey = 0
    let high = 0
    if (y > column.height - style.cornice) {
      surface = style.trim
      if (y < column.height - style.cornice * 0.75) tone *= 0.7
    } else if (y < style.groundFloor && style.shopFront) {
      if (y > style.groundFloor - 0.75 && y < style.groundFloor - 0.1) {
        surface = style.shop
        tone *= 1 + 0.5 * (hash(Math.floor(along / 0.35), bayIndex >> 1, style.key) > 0.7 ? 1 : 0)
      } else if (y > 0.45 && y < style.groundFloor - 0.75 && shopBay) {
        window = WINDOW_GLASS
        high = (y - 0.45) / 2.5
      } else surface = style.trim
    } else if (y < style.groundFloor && door && horizontally && y < 2.3) {
      surface = style.shop
      tone *= onFrame ? 1.4 : 0.9
    } else {
      storey = y < style.groundFloor ? 0 : 1 + Math.floor((y - style.groundFloor) / style.storey)
      const floorLevel = storey === 0 ? 0.25 : style.groundFloor + (storey - 1) * style.storey
      const inStorey = y - floorLevel
      const { bottom: sill, top: lintel } = style.window
      if (horizontally && inStorey > sill && inStorey < lintel) {
        window =
          onFrame || inStorey - sill < style.frame || lintel - inStorey < style.frame
            ? WINDOW_FRAME
            : WINDOW_GLASS
        high = (inStorey - sill) / (lintel - sill)
      } else if (inBay > left - 0.1 && inBay < right + 0.1 && inStorey <= sill && inStorey > sill - 0.14) {
        window = WINDOW_FRAME
      }
      if (y < 0.5) tone *= 0.8
    }
    if (window === WINDOW_GLASS) {
      paintGlass(stage, style, bayIndex, storey, high, color)
    } else {
      if (window === WINDOW_FRAME) surface = style.trim
      else
        tone *=
          1 +
          fine * wallRelief(style, along, y, tiles.grain[((Math.floor(y * 19) & MASK) << 8) | grainColumn])
      const arriving = y < column.shadowHeight ? column.shaded : column.lit
      color[0] = surface[0] * tone * arriving[0]
      color[1] = surface[1] * tone * arriving[1]
      color[2] = surface[2] * tone * arriving[2]
    }
    rgb[3 * sample] = color[0] * (1 - haze) + fog0
    rgb[3 * sample + 1] = color[1] * (1 - haze) + fog1
    rgb[3 * sample + 2] = color[2] * (1 - haze) + fog2
    canvas.labels[sample] = Known.building
    canvas.depth[sample] = z
  }
}

/** Relative brightness of the wall's own pattern; 0 on average. */
function wallRelief(style: FacadeStyle, along: number, y: number, grain: number): number {
  switch (style.pattern) {
    case 'brick': {
      const course = Math.floor(y / 0.13)
      const brick = along / 0.34 + (course & 1) * 0.5
      const joint = y / 0.13 - course < 0.2 || brick - Math.floor(brick) < 0.09
      return joint ? 0.35 : 0.5 * (hash(Math.floor(brick), course, style.key) - 0.6) + 0.1 * grain
    }
    case 'panels': {
      const edge = y % 1.5 < 0.06 || along - Math.floor(along / style.bay) * style.bay < 0.06
      return edge ? -0.4 : 0.08 * grain
    }
    default:
      return 0.14 * grain
  }
}

/** The colour of a window pane: the sky's reflection, a dark or lit room, or a curtain. */
function paintGlass(
  stage: Stage,
  style: FacadeStyle,
  bay: number,
  storey: number,
  high: number,
  out: Float32Array,
): void {
  const { light } = stage
  const choice = hash(bay, storey, style.key)
  const lit = hash(bay, storey, style.key + 1) < light.litWindows
  const reflection = 0.08 + 0.4 * hash(bay, storey, style.key + 2) * (0.4 + 0.6 * high)
  const curtain = choice < 0.3 && high > choice * 2 ? 0.35 : 0
  for (let c = 0; c < 3; c++) {
    const room = style.glass[c] * 0.4 * light.ambient[c] + curtain * light.ambient[c] * 0.5
    const lamp = lit ? (c === 0 ? 0.9 : c === 1 ? 0.62 : 0.28) * (0.5 + 0.5 * choice) : 0
    out[c] = room * (1 - reflection) + light.horizon[c] * reflection * 0.8 + lamp
  }
}
