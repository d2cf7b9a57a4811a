import { checkInteger, invalid } from '../validate.ts'
import type { Dataset } from './dataset.ts'
import { derive } from './derive.ts'

export { cached } from './cached.ts'
export { resized } from './resized.ts'

/**
 * The items of `dataset` at `indices`, in that order. An index may occur more than once.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT` for an index outside the data set
 */
export function subset(dataset: Dataset, indices: readonly number[]): Dataset {
  if (!Array.isArray(indices)) throw invalid('indices', 'a list of indices', indices)
  for (const [at, index] of indices.entries()) {
    checkInteger(`indices[${at}]`, index, 0, dataset.length - 1)
  }
  return derive(dataset, {
    name: `${dataset.name}, ${indices.length} of ${dataset.length}`,
    indices: [...indices],
  })
}

/** The first `count` items of `dataset`, or all where there are fewer. */
export function firstItems(dataset: Dataset, count: number): Dataset {
  checkInteger('count', count, 0)
  if (count >= dataset.length) return dataset
  return subset(
    dataset,
    Array.from({ length: count }, (_, index) => index),
  )
}

/**
 * Several data sets, one after the other. They must have the same classes in the same order. As ids of different sets
 * may agree, each id gets its set's position in front: `0/…`, `1/…`. The palette is that of the first one that has one.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT` for an empty list, or naming the set whose classes differ
 */
export function concat(datasets: readonly Dataset[]): Dataset {
  if (!Array.isArray(datasets) || datasets.length === 0) {
    throw invalid('datasets', 'a list of at least one data set', datasets)
  }
  const [first] = datasets
  for (const [at, { name, classes }] of datasets.entries()) {
    if (
      classes.length === first.classes.length &&
      classes.every((c: string, i: number) => c === first.classes[i])
    )
      continue
    throw invalid(
      `datasets[${at}].classes`,
      `the classes of ${first.name} (${first.classes.join(', ') || 'none'})`,
      [...classes],
      `${name} has other classes, or has them in another order.`,
    )
  }
  const length = datasets.reduce((sum, dataset) => sum + dataset.length, 0)
  const locate = (index: number): [set: number, inSet: number] => {
    checkInteger('index', index, 0, length - 1)
    let set = 0
    let inSet = index
    while (inSet >= datasets[set].length) inSet -= datasets[set++].length
    return [set, inSet]
  }
  const palette = datasets.find((dataset) => dataset.palette !== undefined)?.palette
  const joined: Dataset = {
    name: datasets.map((dataset) => dataset.name).join(' + '),
    classes: first.classes,
    ...(palette && { palette }),
    length,
    item: async (index) => {
      const [set, inSet] = locate(index)
      const sample = await datasets[set].item(inSet)
      return { ...sample, id: `${set}/${sample.id}` }
    },
  }
  if (datasets.every((dataset) => dataset.files !== undefined)) {
    joined.files = (index) => {
      const [set, inSet] = locate(index)
      return datasets[set].files!(inSet)
    }
  }
  if (datasets.every((dataset) => dataset.source !== undefined)) {
    joined.source = (index) => {
      const [set, inSet] = locate(index)
      const source = datasets[set].source!(inSet)
      return { ...source, id: `${set}/${source.id}` }
    }
  }
  return joined
}
