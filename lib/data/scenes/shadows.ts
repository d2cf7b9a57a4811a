import type { Actor } from './actor.ts'
import { type Camera, columnOf, lateralOf, rowOf } from './camera.ts'
import type { ShadowMask } from './ground.ts'
import type { Light } from './light.ts'
import { type NoiseTiles, texel } from './noise.ts'

/** An unshaded mask for a canvas of width×height samples. */
export function createShadowMask(width: number, height: number): ShadowMask {
  return { sun: new Float32Array(width * height).fill(1), sky: new Float32Array(width * height).fill(1) }
}

/** Lays the shadow of every actor on the ground: the one the sun casts, and the dark patch under it that the sky casts. */
export function castShadows(
  mask: ShadowMask,
  camera: Camera,
  light: Light,
  tiles: NoiseTiles,
  actors: readonly Actor[],
): void {
  const [lx, ly, lz] = light.direction
  for (const actor of actors) {
    const { x, z, halfX, halfZ, height } = actor
    if (actor.raised === undefined) {
      soften(mask.sky, camera, x, z, x, z, halfX * 1.12 + 0.08, halfZ * 1.1 + 0.12, 0.72, undefined)
    }
    const foot = (actor.raised ?? 0) / ly
    const tip = Math.min(height, 12) / ly
    const reach = Math.min(1, 14 / Math.max(tip, 1e-6))
    const width = actor.dappled ? Math.min(halfX, 2.5) : halfX * 0.9
    const depth = actor.dappled ? width : halfZ * 0.9
    const from = foot * reach + (actor.dappled ? 0.4 : 0)
    soften(
      mask.sun,
      camera,
      x - lx * from,
      z - lz * from,
      x - lx * (tip * reach - width * 0.5),
      z - lz * (tip * reach - width * 0.5),
      width,
      depth,
      0.94,
      actor.dappled ? tiles : undefined,
    )
  }
}

/** Darkens the ground within the hull of two ellipses with half axes (halfX, halfZ) around two points. */
function soften(
  target: Float32Array,
  camera: Camera,
  x0: number,
  z0: number,
  x1: number,
  z1: number,
  halfX: number,
  halfZ: number,
  strength: number,
  dapple: NoiseTiles | undefined,
): void {
  const near = Math.max(Math.min(z0, z1) - halfZ, 0.8)
  const far = Math.max(z0, z1) + halfZ
  if (far <= near) return
  const { width, height } = camera
  const top = Math.max(0, Math.floor(rowOf(camera, 0, far)))
  const bottom = Math.min(height, Math.ceil(rowOf(camera, 0, near)))
  const left = Math.min(x0, x1) - halfX
  const right = Math.max(x0, x1) + halfX
  const dx = (x1 - x0) / halfX
  const dz = (z1 - z0) / halfZ
  const length2 = Math.max(dx * dx + dz * dz, 1e-9)
  for (let row = top; row < bottom; row++) {
    const below = row + 0.5 - camera.horizon
    if (below < 0.25) continue
    const z = (camera.focal * camera.elevation) / below
    const first = Math.max(0, Math.floor(columnOf(camera, left, z)))
    const end = Math.min(width, Math.ceil(columnOf(camera, right, z)))
    const step = z / camera.focal
    let x = lateralOf(camera, first + 0.5, z)
    const ez = (z - z0) / halfZ
    for (let column = first, sample = row * width + first; column < end; column++, sample++, x += step) {
      const ex = (x - x0) / halfX
      const along = (ex * dx + ez * dz) / length2
      const t = Math.max(0, Math.min(along, 1))
      const px = ex - t * dx
      const pz = ez - t * dz
      let inside = 1 - (px * px + pz * pz)
      if (dapple !== undefined) inside += 0.9 * texel(dapple.smooth, x * 14, z * 14) - 0.1
      if (inside <= 0) continue
      const cover = strength * (inside > 0.4 ? 1 : inside * 2.5)
      const kept = 1 - cover
      if (target[sample] > kept) target[sample] = kept
    }
  }
}
