import type { Random } from '../../../random.ts'
import type { Actor } from '../actor.ts'
import { hiddenByHouses } from '../buildings.ts'
import { type Camera, columnOf, lateralOf, rowOf } from '../camera.ts'
import { between } from '../draw.ts'
import type { Stage } from '../stage.ts'
import type { UnknownKind } from './kinds.ts'

/** Smallest and largest share of the image that one object is meant to cover. */
const AREAS = [0.003, 0.08] as const
const NEAREST = 3.8
const FARTHEST = 30
const TRIES = 60
/** Objects of which more than this share is hidden are only taken when nothing better turns up. */
const HIDDEN_ENOUGH = 0.3

/** One to three objects of the given kinds on the road and the pavements, where they can be seen. */
export function createUnknowns(
  rng: Random,
  stage: Stage,
  known: readonly Actor[],
  kinds: readonly UnknownKind[],
): Actor[] {
  const draw = rng.uniform()
  const count = draw < 0.5 ? 1 : draw < 0.85 ? 2 : 3
  const placed: Actor[] = []
  for (let i = 0; i < count; i++) {
    const actor = place(rng, stage, [...known, ...placed], rng.pick(kinds))
    if (actor !== undefined) placed.push(actor)
  }
  return placed
}

/** The first place that is free and in view, else the least bad of TRIES. */
function place(rng: Random, stage: Stage, others: readonly Actor[], kind: UnknownKind): Actor | undefined {
  let best: Actor | undefined
  let bestCost = Infinity
  for (let i = 0; i < TRIES; i++) {
    const candidate = propose(rng, stage, kind)
    if (candidate === undefined) continue
    const cost = hiddenShare(stage.camera, candidate, others) + (standsIn(candidate, others) ? 1 : 0)
    if (cost < bestCost) {
      best = candidate
      bestCost = cost
    }
    if (cost < HIDDEN_ENOUGH) break
  }
  return best
}

function propose(rng: Random, stage: Stage, kind: UnknownKind): Actor | undefined {
  const { camera, street } = stage
  const share = Math.exp(between(rng, Math.log(AREAS[0]), Math.log(AREAS[1])))
  const size = between(rng, kind.sizes[0], kind.sizes[1])
  // The object covers area · size² · (focal / z)² samples.
  const z = camera.focal * size * Math.sqrt(kind.area / (share * camera.width * camera.height))
  const column = camera.width * between(rng, 0.06, 0.94)
  if (z < NEAREST || z > FARTHEST) return undefined
  const x = lateralOf(camera, column, z)
  const actor = kind.create(rng, x, z, size)
  const room = street.sides[x < 0 ? 0 : 1].outer - Math.min(actor.halfX, 1)
  if (Math.abs(x) > room || hiddenByHouses(camera, street.buildings, x, z)) return undefined
  const box = boundsOf(camera, actor)
  const visible = Math.min(box.right, camera.width) - Math.max(box.left, 0)
  const standing = Math.min(box.bottom, camera.height) - Math.max(box.top, 0)
  if (visible < 0.7 * (box.right - box.left) || standing < 0.75 * (box.bottom - box.top)) return undefined
  return actor
}

function boundsOf(camera: Camera, actor: Actor) {
  const middle = columnOf(camera, actor.x, actor.z)
  const reach = (camera.focal * actor.halfX) / actor.z
  const top = rowOf(camera, actor.height, actor.z)
  return { left: middle - reach, right: middle + reach, top, bottom: rowOf(camera, 0, actor.z) }
}

/** Share of the object's box that boxes of nearer things cover; crowns of trees are high enough to look under. */
function hiddenShare(camera: Camera, actor: Actor, others: readonly Actor[]): number {
  const own = boundsOf(camera, actor)
  const area = (own.right - own.left) * (own.bottom - own.top)
  let covered = 0
  for (const other of others) {
    if (other.z >= actor.z || other.raised !== undefined) continue
    const box = boundsOf(camera, other)
    const width = Math.min(box.right, own.right) - Math.max(box.left, own.left)
    const height = Math.min(box.bottom, own.bottom) - Math.max(box.top, own.top)
    if (width > 0 && height > 0) covered += (width * height) / area
  }
  return covered
}

function standsIn(actor: Actor, others: readonly Actor[]): boolean {
  return others.some(
    (other) =>
      Math.abs(other.x - actor.x) < other.halfX + actor.halfX &&
      Math.abs(other.z - actor.z) < other.halfZ + actor.halfZ,
  )
}
