import type { Stage } from './stage.ts'

/** A thing that stands on the ground. Metres; x from the street's axis, z ahead. */
export interface Actor {
  readonly x: number
  readonly z: number
  /** Half extents on the ground and the height, for shadows and to keep things apart. */
  readonly halfX: number
  readonly halfZ: number
  readonly height: number
  /** True when it lets part of the sun through, as foliage does. */
  readonly dappled?: boolean
  /** Height over the ground at which the shape that casts the shadow starts; a tree's crown. */
  readonly raised?: number
  draw(stage: Stage): void
}
