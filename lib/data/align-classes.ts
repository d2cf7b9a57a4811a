import { tensor } from '../tensor.ts'
import { invalid } from '../validate.ts'
import { type Dataset, IGNORE_LABEL, UNKNOWN_LABEL } from './dataset.ts'
import { derive } from './derive.ts'

/** What {@link alignClasses} returns. */
export interface AlignedDataset {
  /** Its classes are those of the model, in the same order. */
  readonly dataset: Dataset
  /** Classes of the data set that the model does not know; their pixels are ignored or unknown now. */
  readonly heldOut: readonly string[]
}

/**
 * Brings the labels of a data set to the classes of a model, by name. Classes that the model does not know become
 * IGNORE_LABEL (`as: 'ignore'`, for training) or UNKNOWN_LABEL (`as: 'unknown'`: in testing they are the anomalies). A
 * data set without classes (anomaly masks) stays as it is.
 *
 * @throws DenseHybridError `INVALID_ARGUMENT` naming the classes of the model that the data set lacks
 */
export function alignClasses(
  dataset: Dataset,
  classes: readonly string[],
  options: { as: 'ignore' | 'unknown' },
): AlignedDataset {
  if (dataset.classes.length === 0) return { dataset, heldOut: [] }
  const lacking = classes.filter((name) => !dataset.classes.includes(name))
  if (lacking.length > 0) {
    throw invalid(
      'dataset',
      `labels of ${lacking.join(', ')}, which the model knows, in ${dataset.name}`,
      dataset.classes.join(', '),
      'Use a data set with the names of the classes that the model was trained on.',
    )
  }
  const heldOut = dataset.classes.filter((name) => !classes.includes(name))
  const sameOrder =
    dataset.classes.length === classes.length && dataset.classes.every((name, k) => name === classes[k])
  if (sameOrder) return { dataset, heldOut }
  const table = Uint8Array.from({ length: 256 }, (_, label) => {
    if (label >= dataset.classes.length) return label
    const known = classes.indexOf(dataset.classes[label])
    if (known >= 0) return known
    return options.as === 'ignore' ? IGNORE_LABEL : UNKNOWN_LABEL
  })
  const aligned = derive(dataset, {
    name: heldOut.length === 0 ? dataset.name : `${dataset.name} without ${heldOut.join(', ')}`,
    classes,
    palette: dataset.palette && classes.map((name) => dataset.palette![dataset.classes.indexOf(name)]),
    sample: (sample) => ({
      ...sample,
      labels: tensor(
        sample.labels.data.map((label) => table[label]),
        sample.labels.shape,
      ),
    }),
  })
  return { dataset: aligned, heldOut }
}
