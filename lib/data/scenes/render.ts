import { type Random, random } from '../../random.ts'
import type { Actor } from './actor.ts'
import { createActors } from './actors.ts'
import { paintBuildings } from './buildings.ts'
import { createCamera } from './camera.ts'
import { createCanvas } from './canvas.ts'
import { between, chance, eitherSign } from './draw.ts'
import { paintGround } from './ground.ts'
import { createLight } from './light.ts'
import { noiseTiles } from './noise.ts'
import { expose, shrinkLabels } from './sensor.ts'
import { castShadows, createShadowMask } from './shadows.ts'
import { paintBackdrop, paintSky } from './sky.ts'
import type { Stage } from './stage.ts'
import { createStreet, type Street } from './street.ts'
import { createSunShadow } from './sun-shadow.ts'
import type { UnknownKind } from './unknown/kinds.ts'
import { createUnknowns } from './unknown/place.ts'

/** What decides a scene: nothing else does. */
export interface SceneKey {
  readonly seed: number
  readonly split: number
  readonly index: number
}

/** An image and its labels, H×W×3 and H×W. */
export interface Rendering {
  readonly image: Uint8Array
  readonly labels: Uint8Array
}

/** Renders a scene of width×height pixels with objects of `unknown` kinds; the rest of the scene is the same without them. */
export function renderScene(
  key: SceneKey,
  width: number,
  height: number,
  unknown: readonly UnknownKind[] = [],
): Rendering {
  // One stream for each step: a step that draws more numbers does not change the steps after it.
  const stream = (step: number) => random(key.seed, key.split, key.index, step)
  const plan = stream(0)
  const street = createStreet(plan)
  const light = createLight(plan)
  const curvature = chance(plan, 0.5) ? between(plan, -0.007, 0.007) : 0
  const canvas = createCanvas(width, height)
  const camera = createCamera(plan, canvas.width, canvas.height, standpoint(plan, street), curvature)
  const tiles = noiseTiles()
  const stage: Stage = { canvas, camera, light, street, tiles, sunShadow: createSunShadow(street, light) }
  const actors: Actor[] = createActors(stream(1), street, camera)
  if (unknown.length > 0) actors.push(...createUnknowns(stream(2), stage, actors, unknown))
  const painter = stream(3)
  const mask = createShadowMask(canvas.width, canvas.height)
  castShadows(mask, camera, light, tiles, actors)
  paintBuildings(stage)
  paintSky(stage, painter)
  paintBackdrop(stage, painter)
  paintGround(stage, painter, mask)
  actors.sort((a, b) => b.z - a.z)
  for (const actor of actors) actor.draw(stage)
  return { image: expose(canvas, stream(4)), labels: shrinkLabels(canvas) }
}

/** Where the camera stands: mostly in its lane, sometimes on a pavement. Metres right of the axis. */
function standpoint(rng: Random, street: Street): number {
  if (chance(rng, 0.15)) return eitherSign(rng) * (street.roadHalf + between(rng, 0.4, 1.4))
  const half = street.parking ? street.roadHalf - 2.1 : street.roadHalf
  return street.driveSide * half * 0.5 + between(rng, -0.8, 0.8)
}
