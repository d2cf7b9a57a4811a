import { DenseHybridError } from '../errors.ts'
import { describe, invalid, nearest } from '../validate.ts'

/** One of two halves of a data set of negatives that share neither an image nor a category. */
export type Half = 'a' | 'b'

/**
 * Whether image `index` belongs to a half: even indices are half a, odd ones half b. Both halves must therefore be taken
 * from the same files in the same order.
 */
export function imageInHalf(index: number, half: Half | undefined): boolean {
  return half === undefined || index % 2 === (half === 'a' ? 0 : 1)
}

/**
 * The classes of a half: with the names sorted by code unit, the 1st, 3rd, 5th … are half a, the others half b, whatever
 * their labels are.
 */
export function classesOfHalf(classes: readonly string[], half: Half | undefined): readonly string[] {
  if (half === undefined) return classes
  const sorted = [...classes].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted.filter((_, rank) => rank % 2 === (half === 'a' ? 0 : 1))
}

/**
 * For every label value, 1 where its pixels may be pasted: known classes of the half that are not skipped, and pixels
 * without a class (IGNORE_LABEL, UNKNOWN_LABEL), of which nothing is known.
 * @throws INVALID_ARGUMENT for a name in `skip` that is not a class.
 */
export function allowedLabels(
  classes: readonly string[],
  skip: readonly string[],
  half: Half | undefined,
): Uint8Array {
  if (!Array.isArray(skip)) throw invalid('skipClasses', 'an array of class names', skip)
  for (const name of skip) {
    if (classes.includes(name)) continue
    const near = typeof name === 'string' ? nearest(name, classes) : undefined
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `Expected class names for skipClasses but received ${describe(name)}.`,
      { hint: near === undefined ? `The classes are: ${classes.join(', ')}.` : `Did you mean ${near}?` },
    )
  }
  const pasteable = new Set(classesOfHalf(classes, half).filter((name) => !skip.includes(name)))
  return Uint8Array.from({ length: 256 }, (_, label) =>
    label >= classes.length || pasteable.has(classes[label]) ? 1 : 0,
  )
}
