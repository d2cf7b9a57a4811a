import type { Random } from '../../random.ts'
import { between } from './draw.ts'

/**
 * A camera over the ground plane. World coordinates follow the street: x metres to the right of its axis, y up from
 * the ground, z ahead. The heading is a shear, so every image row meets the ground at one z: this is the view of a
 * camera with a shifted lens, which keeps verticals vertical and rows cheap.
 */
export interface Camera {
  /** Size of the canvas in samples. */
  readonly width: number
  readonly height: number
  /** Focal length in samples. */
  readonly focal: number
  /** Column of the optical axis and row of the horizon, in samples. */
  readonly centre: number
  readonly horizon: number
  /** Metres over the ground. */
  readonly elevation: number
  /** Metres to the right of the street's axis. */
  readonly offset: number
  /** Tangent of the angle between the street and the optical axis; positive: the street runs to the right. */
  readonly heading: number
  /** Curvature of the street's axis in 1/m; positive bends to the right. */
  readonly curvature: number
}

/** A camera of a car or a pedestrian, standing `offset` metres right of the axis. */
export function createCamera(
  rng: Random,
  width: number,
  height: number,
  offset: number,
  curvature: number,
): Camera {
  const fieldOfView = between(rng, 52, 72) * (Math.PI / 180)
  return {
    width,
    height,
    focal: width / 2 / Math.tan(fieldOfView / 2),
    centre: width * between(rng, 0.44, 0.56),
    horizon: height * between(rng, 0.36, 0.54),
    elevation: between(rng, 1.25, 2.3),
    offset,
    heading: between(rng, -0.16, 0.16),
    curvature,
  }
}

/** Sideways shift of the street's axis `z` metres ahead. */
export function axisAt(camera: Camera, z: number): number {
  return 0.5 * camera.curvature * z * z
}

/** Column (samples) of a point `x` metres from the street's axis, `z` > 0 ahead. */
export function columnOf(camera: Camera, x: number, z: number): number {
  return camera.centre + camera.focal * ((x - camera.offset + axisAt(camera, z)) / z + camera.heading)
}

/** Row (samples) of a point `y` metres high, `z` > 0 ahead. */
export function rowOf(camera: Camera, y: number, z: number): number {
  return camera.horizon + (camera.focal * (camera.elevation - y)) / z
}

/** Where column `column` meets depth `z`: metres right of the street's axis. */
export function lateralOf(camera: Camera, column: number, z: number): number {
  return ((column - camera.centre) / camera.focal - camera.heading) * z + camera.offset - axisAt(camera, z)
}
