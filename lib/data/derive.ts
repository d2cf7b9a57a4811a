import type { Colour } from '../palette.ts'
import { checkInteger } from '../validate.ts'
import type { Dataset, Sample } from './dataset.ts'

/**
 * A data set made from another one item by item: `item`, `files` and `source` follow `indices` (default: all, in order).
 *
 * @param change.classes with them come their colours in `palette`, if any
 * @param change.sample applied to every sample that is read
 */
export function derive(
  base: Dataset,
  change: {
    name: string
    classes?: readonly string[]
    palette?: readonly Colour[]
    indices?: readonly number[]
    sample?: (sample: Sample) => Sample | Promise<Sample>
  },
): Dataset {
  const { indices, sample = (same: Sample) => same } = change
  const length = indices?.length ?? base.length
  const source = (index: number): number => {
    checkInteger('index', index, 0, length - 1)
    return indices === undefined ? index : indices[index]
  }
  const palette = change.classes === undefined ? base.palette : change.palette
  const derived: Dataset = {
    name: change.name,
    classes: change.classes ?? base.classes,
    ...(palette && { palette }),
    length,
    item: async (index) => sample(await base.item(source(index))),
  }
  if (base.files !== undefined) derived.files = (index) => base.files!(source(index))
  if (base.source !== undefined) derived.source = (index) => base.source!(source(index))
  return derived
}
