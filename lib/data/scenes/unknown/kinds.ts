import type { Random } from '../../../random.ts'
import type { Actor } from '../actor.ts'
import { createCow, createHorse, createPig, createSheep } from './animals.ts'
import { createCouch, createCrates, createTent, createWardrobe } from './boxes.ts'
import { createBall, createBarrels, createBoat, createHayBale, createTyres } from './rounds.ts'

/** A kind of object that no training scene shows. */
export interface UnknownKind {
  readonly name: string
  /** Square metres of the image plane that it covers at size 1, about. */
  readonly area: number
  /** Smallest and largest size; 1 is natural. */
  readonly sizes: readonly [number, number]
  create(rng: Random, x: number, z: number, size: number): Actor
}

/** Kinds by split: thresholds are found on other kinds than those they are tested on. */
export const UNKNOWN_KINDS: { readonly val: readonly UnknownKind[]; readonly test: readonly UnknownKind[] } =
  {
    val: [
      { name: 'sheep', area: 0.65, sizes: [0.8, 1.5], create: createSheep },
      { name: 'pig', area: 0.65, sizes: [0.8, 1.5], create: createPig },
      { name: 'hay bale', area: 1.4, sizes: [0.7, 1.5], create: createHayBale },
      { name: 'barrels', area: 1.2, sizes: [0.8, 1.5], create: createBarrels },
      { name: 'tent', area: 1.6, sizes: [0.7, 1.4], create: createTent },
      { name: 'wardrobe', area: 1.6, sizes: [0.7, 1.3], create: createWardrobe },
    ],
    test: [
      { name: 'cow', area: 1.7, sizes: [0.7, 1.3], create: createCow },
      { name: 'horse', area: 1.6, sizes: [0.7, 1.3], create: createHorse },
      { name: 'crates', area: 1.2, sizes: [0.6, 1.4], create: createCrates },
      { name: 'boat', area: 2.6, sizes: [0.6, 1.3], create: createBoat },
      { name: 'ball', area: 0.95, sizes: [0.5, 2.2], create: createBall },
      { name: 'tyres', area: 1.3, sizes: [0.7, 1.4], create: createTyres },
      { name: 'couch', area: 1.2, sizes: [0.8, 1.3], create: createCouch },
    ],
  }
