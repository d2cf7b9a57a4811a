import type { Rgb } from './color.ts'

/** Samples per pixel along each axis. */
export const SUPERSAMPLING = 2

/** What is drawn on: SUPERSAMPLING times finer than the image, along both axes. */
export interface Canvas {
  readonly width: number
  readonly height: number
  /** height×width×3, linear light. */
  readonly rgb: Float32Array
  /** height×width. */
  readonly labels: Uint8Array
  /** height×width: distance of the facade at a sample in metres, Infinity where there is none. */
  readonly depth: Float32Array
}

/** What all samples of one object share. */
export interface Brush {
  readonly label: number
  /** Metres from the camera; samples behind a facade are not drawn. */
  readonly depth: number
  /** Share of fog in the colour, 0 … 1, and its colour. */
  readonly haze: number
  readonly fog: Rgb
}

/** Writes the lit colour at local coordinates (u, v) to `out` (3 values). What u and v mean is the shape's to say. */
export type Paint = (u: number, v: number, out: Float32Array) => void

const scratch = new Float32Array(3)

/** A blank canvas for an image of width×height pixels. */
export function createCanvas(width: number, height: number): Canvas {
  const w = width * SUPERSAMPLING
  const h = height * SUPERSAMPLING
  return {
    width: w,
    height: h,
    rgb: new Float32Array(w * h * 3),
    labels: new Uint8Array(w * h),
    depth: new Float32Array(w * h).fill(Infinity),
  }
}

function put(canvas: Canvas, brush: Brush, sample: number): void {
  const keep = 1 - brush.haze
  const rgb = canvas.rgb
  rgb[3 * sample] = scratch[0] * keep + brush.fog[0] * brush.haze
  rgb[3 * sample + 1] = scratch[1] * keep + brush.fog[1] * brush.haze
  rgb[3 * sample + 2] = scratch[2] * keep + brush.fog[2] * brush.haze
  canvas.labels[sample] = brush.label
}

/** Affine frame of a polygon: point = origin + u·(ux, uy) + v·(vx, vy). */
export interface Frame {
  readonly x: number
  readonly y: number
  readonly ux: number
  readonly uy: number
  readonly vx: number
  readonly vy: number
}

/** The bounding box of x0, y0, x1, y1, … as a frame: u runs right, v down, both 0 … 1. */
function boundingFrame(points: readonly number[]): Frame {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (let i = 0; i < points.length; i += 2) {
    left = Math.min(left, points[i])
    right = Math.max(right, points[i])
    top = Math.min(top, points[i + 1])
    bottom = Math.max(bottom, points[i + 1])
  }
  return { x: left, y: top, ux: right - left, uy: 0, vx: 0, vy: bottom - top }
}

/**
 * Fills a polygon (even-odd rule; x0, y0, x1, y1, … in samples, sample centres at halves).
 * `paint` gets the coordinates of `frame`, by default the bounding box.
 */
export function fillPolygon(
  canvas: Canvas,
  brush: Brush,
  points: readonly number[],
  paint: Paint,
  frame: Frame = boundingFrame(points),
): void {
  const determinant = frame.ux * frame.vy - frame.uy * frame.vx
  if (!(Math.abs(determinant) > 1e-9)) return
  const { width, height, depth } = canvas
  let top = Infinity
  let bottom = -Infinity
  for (let i = 1; i < points.length; i += 2) {
    top = Math.min(top, points[i])
    bottom = Math.max(bottom, points[i])
  }
  const du = frame.vy / determinant
  const dv = -frame.uy / determinant
  const crossings: number[] = []
  const last = Math.min(height - 1, Math.ceil(bottom - 0.5) - 1)
  for (let y = Math.max(0, Math.ceil(top - 0.5)); y <= last; y++) {
    const py = y + 0.5
    crossings.length = 0
    for (let i = 0, j = points.length - 2; i < points.length; j = i, i += 2) {
      const y0 = points[j + 1]
      const y1 = points[i + 1]
      if (y0 <= py === y1 <= py) continue
      crossings.push(points[j] + ((py - y0) / (y1 - y0)) * (points[i] - points[j]))
    }
    crossings.sort((a, b) => a - b)
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const first = Math.max(0, Math.ceil(crossings[k] - 0.5))
      const end = Math.min(width, Math.ceil(crossings[k + 1] - 0.5))
      const rx = first + 0.5 - frame.x
      const ry = py - frame.y
      let u = (rx * frame.vy - ry * frame.vx) / determinant
      let v = (ry * frame.ux - rx * frame.uy) / determinant
      for (let x = first, sample = y * width + first; x < end; x++, sample++, u += du, v += dv) {
        if (depth[sample] < brush.depth) continue
        paint(u, v, scratch)
        put(canvas, brush, sample)
      }
    }
  }
}

/** Fills an ellipse turned by `angle` (radians, clockwise on screen); `paint` gets (u, v) in the unit disc, v down. */
export function fillEllipse(
  canvas: Canvas,
  brush: Brush,
  x: number,
  y: number,
  radiusX: number,
  radiusY: number,
  angle: number,
  paint: Paint,
): void {
  const { width, height, depth } = canvas
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  const reachX = Math.hypot(radiusX * cos, radiusY * sin)
  const reachY = Math.hypot(radiusX * sin, radiusY * cos)
  const right = Math.min(width, Math.ceil(x + reachX - 0.5))
  const bottom = Math.min(height, Math.ceil(y + reachY - 0.5))
  for (let j = Math.max(0, Math.ceil(y - reachY - 0.5)); j < bottom; j++) {
    const dy = j + 0.5 - y
    for (let i = Math.max(0, Math.ceil(x - reachX - 0.5)); i < right; i++) {
      const dx = i + 0.5 - x
      const u = (dx * cos + dy * sin) / radiusX
      const v = (dy * cos - dx * sin) / radiusY
      const sample = j * width + i
      if (u * u + v * v >= 1 || depth[sample] < brush.depth) continue
      paint(u, v, scratch)
      put(canvas, brush, sample)
    }
  }
}

/**
 * Fills the hull of two discs, radius r0 at (x0, y0) and r1 at (x1, y1). `paint` gets u = 0 … 1 along the axis and
 * v = −1 … 1 across it: to the right where the axis is more upright than level, down where it is not.
 */
export function fillCapsule(
  canvas: Canvas,
  brush: Brush,
  x0: number,
  y0: number,
  r0: number,
  x1: number,
  y1: number,
  r1: number,
  paint: Paint,
): void {
  const { width, height, depth } = canvas
  const dx = x1 - x0
  const dy = y1 - y0
  const length2 = Math.max(dx * dx + dy * dy, 1e-9)
  const side = Math.sqrt(length2) * (Math.abs(dy) >= Math.abs(dx) ? Math.sign(dy) || 1 : -Math.sign(dx))
  const right = Math.min(width, Math.ceil(Math.max(x0 + r0, x1 + r1) - 0.5))
  const bottom = Math.min(height, Math.ceil(Math.max(y0 + r0, y1 + r1) - 0.5))
  const left = Math.max(0, Math.ceil(Math.min(x0 - r0, x1 - r1) - 0.5))
  for (let j = Math.max(0, Math.ceil(Math.min(y0 - r0, y1 - r1) - 0.5)); j < bottom; j++) {
    const py = j + 0.5 - y0
    for (let i = left; i < right; i++) {
      const px = i + 0.5 - x0
      const along = (px * dx + py * dy) / length2
      const t = Math.max(0, Math.min(along, 1))
      const ex = px - t * dx
      const ey = py - t * dy
      const radius = r0 + (r1 - r0) * t
      const sample = j * width + i
      if (ex * ex + ey * ey >= radius * radius || depth[sample] < brush.depth) continue
      paint(t, (px * dy - py * dx) / (side * radius), scratch)
      put(canvas, brush, sample)
    }
  }
}
