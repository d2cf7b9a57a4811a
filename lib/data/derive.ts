import { checkInteger } from '../validate.ts'
import type { Dataset, Sample } from './dataset.ts'

/**
 * A data set made from another one item by item: `item` and `files` follow `indices` (default: all, in order).
 *
 * @param change.sample applied to every sample that is read
 */
export function derive(
  base: Dataset,
  change: {
    name: string
    classes?: readonly string[]
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
  const derived: Dataset = {
    name: change.name,
    classes: change.classes ?? base.classes,
    length,
    item: async (index) => sample(await base.item(source(index))),
  }
  if (base.files !== undefined) derived.files = (index) => base.files!(source(index))
  return derived
}
