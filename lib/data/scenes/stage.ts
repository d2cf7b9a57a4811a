import type { Camera } from './camera.ts'
import type { Brush, Canvas } from './canvas.ts'
import { hazeAt, type Lamp, type Light, lampOf } from './light.ts'
import type { NoiseTiles } from './noise.ts'
import type { Street } from './street.ts'
import type { SunShadow } from './sun-shadow.ts'

/** All that a painter of one scene needs. */
export interface Stage {
  readonly canvas: Canvas
  readonly camera: Camera
  readonly light: Light
  readonly street: Street
  readonly sunShadow: SunShadow
  readonly tiles: NoiseTiles
}

/** A brush for things of class `label`, `depth` metres away. */
export function brushAt(stage: Stage, label: number, depth: number): Brush {
  return { label, depth, haze: hazeAt(stage.light, depth), fog: stage.light.fog }
}

/** The light on things that stand at (x, z), as it is at chest height. */
export function lampAt(stage: Stage, x: number, z: number): Lamp {
  return lampOf(stage.light, stage.sunShadow.visibility(x, 1.2, z))
}
