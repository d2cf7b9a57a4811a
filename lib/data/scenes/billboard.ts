import { columnOf, rowOf } from './camera.ts'
import { type Brush, fillCapsule, fillEllipse, fillPolygon, type Paint } from './canvas.ts'
import type { Lamp } from './light.ts'
import { brushAt, lampAt, type Stage } from './stage.ts'

/**
 * A flat drawing that stands upright at (x, z) and faces the camera. Its coordinates are metres: right of the foot
 * (left when mirrored) and up from the ground.
 */
export class Billboard {
  readonly lamp: Lamp
  /** Samples per metre. */
  readonly scale: number
  readonly #stage: Stage
  readonly #brush: Brush
  readonly #column: number
  readonly #row: number
  readonly #mirror: -1 | 1

  constructor(stage: Stage, label: number, x: number, z: number, mirror: -1 | 1 = 1) {
    this.lamp = lampAt(stage, x, z)
    this.scale = stage.camera.focal / z
    this.#stage = stage
    this.#brush = brushAt(stage, label, z)
    this.#column = columnOf(stage.camera, x, z)
    this.#row = rowOf(stage.camera, 0, z)
    this.#mirror = mirror
  }

  /** Column of the canvas for `x` metres. */
  column(x: number): number {
    return this.#column + this.#mirror * x * this.scale
  }

  /** Row of the canvas for `y` metres. */
  row(y: number): number {
    return this.#row - y * this.scale
  }

  /** Fills x0, y0, x1, y1, …; paint gets the bounding box, u = 0 … 1 to the right of the image, v = 0 … 1 down. */
  polygon(points: readonly number[], paint: Paint): void {
    const onCanvas = points.map((value, i) => (i % 2 === 0 ? this.column(value) : this.row(value)))
    fillPolygon(this.#stage.canvas, this.#brush, onCanvas, paint)
  }

  /** An axis-parallel box. */
  box(left: number, bottom: number, right: number, top: number, paint: Paint): void {
    this.polygon([left, bottom, right, bottom, right, top, left, top], paint)
  }

  /** Fills an ellipse turned counter-clockwise by `angle`; paint gets the unit disc, v down. */
  ellipse(x: number, y: number, radiusX: number, radiusY: number, paint: Paint, angle = 0): void {
    const { scale } = this
    const turn = -angle * this.#mirror
    const canvas = this.#stage.canvas
    fillEllipse(
      canvas,
      this.#brush,
      this.column(x),
      this.row(y),
      radiusX * scale,
      radiusY * scale,
      turn,
      paint,
    )
  }

  /** Fills the hull of two discs; paint gets u along and v across the axis. */
  capsule(x0: number, y0: number, r0: number, x1: number, y1: number, r1: number, paint: Paint): void {
    const { scale } = this
    const canvas = this.#stage.canvas
    const from = [this.column(x0), this.row(y0), r0 * scale] as const
    const to = [this.column(x1), this.row(y1), r1 * scale] as const
    fillCapsule(canvas, this.#brush, ...from, ...to, paint)
  }
}
