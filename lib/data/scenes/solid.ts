import { columnOf, rowOf } from './camera.ts'
import { type Frame, fillPolygon, type Paint } from './canvas.ts'
import type { Lamp } from './light.ts'
import { brushAt, lampAt, type Stage } from './stage.ts'

/** A point of a solid in its own metres: right, up, ahead. */
export type Point3 = readonly [number, number, number]

const CLOSEST = 0.6

/**
 * A thing made of flat faces, standing at (x, z) and turned by `yaw` (radians; positive turns its front to the right).
 * Faces that look away are left out; the rest is drawn in the order of the calls, so draw what is behind first.
 */
export class Solid {
  readonly lamp: Lamp
  readonly #stage: Stage
  readonly #label: number
  readonly #x: number
  readonly #z: number
  readonly #cos: number
  readonly #sin: number

  constructor(stage: Stage, label: number, x: number, z: number, yaw = 0) {
    this.lamp = lampAt(stage, x, z)
    this.#stage = stage
    this.#label = label
    this.#x = x
    this.#z = z
    this.#cos = Math.cos(yaw)
    this.#sin = Math.sin(yaw)
  }

  /** The direction (right, up, ahead) in the world. */
  turned([x, y, z]: Point3): [number, number, number] {
    return [x * this.#cos + z * this.#sin, y, z * this.#cos - x * this.#sin]
  }

  /**
   * Fills a face whose corners run clockwise as seen from outside. `paint` makes the paint from the face's unit normal
   * and gets u along the first edge and v against the last one, both 0 … 1: (0, 0) is the first corner.
   */
  face(corners: readonly Point3[], paint: (normal: [number, number, number]) => Paint): void {
    const { camera, canvas } = this.#stage
    const points: number[] = []
    let depth = 0
    for (const corner of corners) {
      const [dx, y, dz] = this.turned(corner)
      const z = Math.max(CLOSEST, this.#z + dz)
      // The street's bend is taken at the solid's middle, so that straight edges stay straight.
      const bend = columnOf(camera, 0, this.#z) - camera.centre - camera.focal * camera.heading
      const column =
        camera.centre + camera.focal * ((this.#x + dx + (bend * this.#z) / camera.focal) / z + camera.heading)
      points.push(column, rowOf(camera, y, z))
      depth += z / corners.length
    }
    if (signedArea(points) <= 0) return
    const last = points.length - 2
    const frame: Frame = {
      x: points[0],
      y: points[1],
      ux: points[2] - points[0],
      uy: points[3] - points[1],
      vx: points[last] - points[0],
      vy: points[last + 1] - points[1],
    }
    const brush = brushAt(this.#stage, this.#label, depth)
    fillPolygon(canvas, brush, points, paint(this.turned(normalOf(corners))), frame)
  }

  /** The faces of a box that may taper: `low` and `high` are [left, right, back, front] extents at y0 and y1. */
  frustum(
    y0: number,
    low: readonly [number, number, number, number],
    y1: number,
    high: readonly [number, number, number, number],
    paint: (normal: [number, number, number], side: 'left' | 'right' | 'back' | 'front' | 'top') => Paint,
  ): void {
    const [l0, r0, b0, f0] = low
    const [l1, r1, b1, f1] = high
    this.face(
      [
        [l1, y1, f1],
        [r1, y1, f1],
        [r1, y1, b1],
        [l1, y1, b1],
      ],
      (n) => paint(n, 'top'),
    )
    this.face(
      [
        [r1, y1, f1],
        [l1, y1, f1],
        [l0, y0, f0],
        [r0, y0, f0],
      ],
      (n) => paint(n, 'front'),
    )
    this.face(
      [
        [l1, y1, f1],
        [l1, y1, b1],
        [l0, y0, b0],
        [l0, y0, f0],
      ],
      (n) => paint(n, 'left'),
    )
    this.face(
      [
        [r1, y1, b1],
        [r1, y1, f1],
        [r0, y0, f0],
        [r0, y0, b0],
      ],
      (n) => paint(n, 'right'),
    )
    this.face(
      [
        [l1, y1, b1],
        [r1, y1, b1],
        [r0, y0, b0],
        [l0, y0, b0],
      ],
      (n) => paint(n, 'back'),
    )
  }

  /** An upright box: `frustum` with equal ends. */
  box(
    left: number,
    right: number,
    y0: number,
    y1: number,
    back: number,
    front: number,
    paint: (normal: [number, number, number], side: 'left' | 'right' | 'back' | 'front' | 'top') => Paint,
  ): void {
    this.frustum(y0, [left, right, back, front], y1, [left, right, back, front], paint)
  }

  /** A disc in the plane x = `x` (a wheel), its axis to the side `outward`. */
  disc(
    x: number,
    y: number,
    z: number,
    radius: number,
    outward: -1 | 1,
    paint: (normal: [number, number, number]) => Paint,
  ) {
    const corners: Point3[] = []
    for (let i = 0; i < 14; i++) {
      const angle = (outward * 2 * Math.PI * i) / 14
      corners.push([x, y + radius * Math.cos(angle), z + radius * Math.sin(angle)])
    }
    this.face(corners, paint)
  }
}

/** Twice the area on the canvas; positive when the points run clockwise on screen. */
function signedArea(points: readonly number[]): number {
  let sum = 0
  for (let i = 0, j = points.length - 2; i < points.length; j = i, i += 2) {
    sum += points[j] * points[i + 1] - points[i] * points[j + 1]
  }
  return sum
}

function normalOf(corners: readonly Point3[]): Point3 {
  const [a, b, c] = corners
  const u = [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
  const v = [c[0] - b[0], c[1] - b[1], c[2] - b[2]]
  const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
  const length = Math.hypot(n[0], n[1], n[2]) || 1
  return [n[0] / length, n[1] / length, n[2] / length]
}
