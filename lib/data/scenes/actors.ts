import type { Random } from '../../random.ts'
import type { Actor } from './actor.ts'
import type { Camera } from './camera.ts'
import { createCar } from './cars.ts'
import { srgb, vary } from './color.ts'
import { between, chance } from './draw.ts'
import { createPerson } from './people.ts'
import type { Street } from './street.ts'
import {
  createBollard,
  createGuideBoard,
  createLampPost,
  createSign,
  createTrafficLight,
} from './street-furniture.ts'
import { createBush, createTree } from './vegetation.ts'

const NEAREST = 3.6

/** Everything of a known class that stands on the street, in no order. */
export function createActors(rng: Random, street: Street, camera: Camera): Actor[] {
  const actors = [
    ...parkedCars(rng, street, camera),
    ...drivingCars(rng, street, camera),
    ...furniture(rng, street),
    ...plants(rng, street),
    ...pedestrians(rng, street),
  ]
  return actors.filter((actor) => actor.z - actor.halfZ > 1.2)
}

/** Yaw of things that follow the street at z. */
function along(camera: Camera, z: number): number {
  return Math.atan(camera.curvature * z)
}

function inJunction(street: Street, z: number, margin: number): boolean {
  const { junction, zebras } = street
  if (zebras.some((zebra) => z > zebra - margin && z < zebra + 3 + margin)) return true
  return junction !== undefined && z > junction.near - margin && z < junction.far + margin
}

function parkedCars(rng: Random, street: Street, camera: Camera): Actor[] {
  if (!street.parking) return []
  const cars: Actor[] = []
  for (const side of [-1, 1] as const) {
    const busy = between(rng, 0.25, 0.95)
    const x = side * (street.roadHalf - 1.05)
    for (let z = between(rng, NEAREST + 1, 12); z < 70; z += between(rng, 5.2, 6.6)) {
      if (!chance(rng, busy) || inJunction(street, z, 4)) continue
      const facing = side === street.driveSide ? 0 : Math.PI
      cars.push(
        createCar(
          rng,
          x + between(rng, -0.12, 0.12),
          z,
          facing + along(camera, z) + between(rng, -0.03, 0.03),
        ),
      )
    }
  }
  return cars
}

function drivingCars(rng: Random, street: Street, camera: Camera): Actor[] {
  const cars: Actor[] = []
  const half = street.parking ? street.roadHalf - 2.1 : street.roadHalf
  const lane = street.driveSide * half * 0.5
  for (let z = between(rng, 9, 40); z < 90; z += between(rng, 9, 40)) {
    if (chance(rng, 0.75)) cars.push(createCar(rng, lane + between(rng, -0.3, 0.3), z, along(camera, z)))
  }
  for (let z = between(rng, 6, 40); z < 90; z += between(rng, 8, 40)) {
    if (chance(rng, 0.75))
      cars.push(createCar(rng, -lane + between(rng, -0.3, 0.3), z, Math.PI + along(camera, z)))
  }
  if (street.junction !== undefined && chance(rng, 0.5)) {
    const { near, far } = street.junction
    const turn = chance(rng, 0.5) ? Math.PI / 2 : -Math.PI / 2
    const z = near + (far - near) * (turn > 0 ? 0.3 : 0.7)
    cars.push(createCar(rng, between(rng, -14, 14), z, turn))
  }
  return cars
}

function furniture(rng: Random, street: Street): Actor[] {
  const actors: Actor[] = []
  const kerb = (side: -1 | 1) => side * (street.roadHalf + 0.55)
  for (const side of [-1, 1] as const) {
    const pitch = between(rng, 11, 24)
    if (chance(rng, 0.85)) {
      for (let z = between(rng, 4, 15); z < 100; z += pitch) {
        if (!inJunction(street, z, 0)) actors.push(createLampPost(rng, kerb(side), z, side === 1 ? -1 : 1))
      }
    }
    for (let z = between(rng, 5, 18); z < 45; z += between(rng, 7, 25)) {
      if (chance(rng, 0.85)) actors.push(createSign(rng, kerb(side) + side * between(rng, 0, 0.4), z))
    }
    if (chance(rng, 0.25))
      actors.push(createGuideBoard(rng, side * (street.roadHalf + 1.3), between(rng, 11, 30)))
    if (chance(rng, 0.25)) {
      const color = vary(rng, srgb(0x3a3c3e), 0.3)
      const from = between(rng, 5, 15)
      for (let z = from; z < from + 14; z += 1.8) actors.push(createBollard(rng, kerb(side), z, color))
    }
    if (street.junction !== undefined && chance(rng, 0.6)) {
      actors.push(createTrafficLight(rng, kerb(side), street.junction.near - 0.6))
    }
  }
  return actors
}

function plants(rng: Random, street: Street): Actor[] {
  const actors: Actor[] = []
  for (const side of [-1, 1] as const) {
    const plan = street.sides[side < 0 ? 0 : 1]
    const probability = street.kind === 'avenue' ? 0.95 : street.kind === 'suburb' ? 0.7 : 0.45
    const pitch = between(rng, 6, 13)
    const row = side * (street.roadHalf + 0.25 + (plan.verge > 0 ? plan.verge / 2 : 0.7))
    if (chance(rng, probability)) {
      for (let z = between(rng, 6, 14); z < 95; z += pitch) {
        if (chance(rng, 0.85) && !inJunction(street, z, 1))
          actors.push(createTree(rng, row, z, between(rng, 0.7, 1.1)))
      }
    }
    if (plan.garden === 'grass') {
      for (let z = between(rng, 5, 12); z < 80; z += between(rng, 4, 11)) {
        if (inJunction(street, z, 2)) continue
        const x = side * (plan.outer + between(rng, 0.8, 2))
        if (chance(rng, 0.25)) actors.push(createTree(rng, x, z, 0.7))
        else actors.push(createBush(rng, x, z, between(rng, 1, 3), between(rng, 0.7, 1.6)))
      }
    }
  }
  return actors
}

function pedestrians(rng: Random, street: Street): Actor[] {
  const actors: Actor[] = []
  const count = rng.integer(3, 10)
  for (let i = 0; i < count; i++) {
    const side = chance(rng, 0.5) ? 1 : -1
    const plan = street.sides[side < 0 ? 0 : 1]
    const z = NEAREST + 0.6 + 25 * rng.uniform() ** 1.9
    const x = side * (plan.outer - plan.pavement * between(rng, 0.1, 0.85))
    actors.push(createPerson(rng, x, z))
    if (chance(rng, 0.3))
      actors.push(createPerson(rng, x + between(rng, 0.45, 0.7), z + between(rng, -0.4, 0.4)))
  }
  for (const zebra of street.zebras) {
    if (zebra > 5 && chance(rng, 0.5)) {
      const x = between(rng, -street.roadHalf, street.roadHalf)
      actors.push(createPerson(rng, x, zebra + between(rng, 0.5, 2.5)))
    }
  }
  if (chance(rng, 0.12)) {
    actors.push(createPerson(rng, between(rng, -street.roadHalf, street.roadHalf), between(rng, 9, 25)))
  }
  return actors
}
