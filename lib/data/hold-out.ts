import { tensor } from '../tensor.ts'
import { checkOneOf, checkOptionNames, invalid, nearest } from '../validate.ts'
import { type Dataset, IGNORE_LABEL, UNKNOWN_LABEL } from './dataset.ts'
import { derive } from './derive.ts'

/**
 * The same images with fewer known classes: pixels of the named classes become IGNORE_LABEL (training must not see
 * them) or UNKNOWN_LABEL (in testing they are the anomalies). The remaining classes keep their order and are numbered
 * densely.
 *
 * @param names names of classes of `dataset`, each once
 * @throws DenseHybridError `INVALID_ARGUMENT` for a name that is no class, with the nearest one
 */
export function holdOut(
  dataset: Dataset,
  names: readonly string[],
  options: { as: 'ignore' | 'unknown' },
): Dataset {
  checkOptionNames('holdOut', options, ['as'])
  checkOneOf('options.as', options.as, ['ignore', 'unknown'])
  checkNames(dataset, names)
  const heldOut = options.as === 'ignore' ? IGNORE_LABEL : UNKNOWN_LABEL
  const classes = dataset.classes.filter((name) => !names.includes(name))
  const table = Uint8Array.from({ length: 256 }, (_, label) => {
    if (label >= dataset.classes.length) return label
    const dense = classes.indexOf(dataset.classes[label])
    return dense < 0 ? heldOut : dense
  })
  return derive(dataset, {
    name: `${dataset.name} without ${names.join(', ')}`,
    classes,
    palette: dataset.palette?.filter((_, label) => !names.includes(dataset.classes[label])),
    sample: (sample) => ({
      ...sample,
      labels: tensor(
        sample.labels.data.map((label) => table[label]),
        sample.labels.shape,
      ),
    }),
  })
}

function checkNames(dataset: Dataset, names: readonly string[]): void {
  if (!Array.isArray(names) || names.length === 0) throw invalid('names', 'a list of class names', names)
  for (const [index, name] of names.entries()) {
    if (!dataset.classes.includes(name)) {
      const near = typeof name === 'string' ? nearest(name, dataset.classes) : undefined
      throw invalid(
        `names[${index}]`,
        `a class of ${dataset.name}`,
        name,
        near === undefined
          ? `Its classes: ${dataset.classes.join(', ') || 'none'}.`
          : `Did you mean ${near}?`,
      )
    }
    if (names.indexOf(name) !== index) throw invalid(`names[${index}]`, 'every class once', name)
  }
  if (names.length === dataset.classes.length) throw invalid('names', 'fewer names than classes', names)
}
