import { DenseHybridError } from '../errors.ts'
import { pasteInto } from '../negatives/pasting.ts'
import type { NegativeSource } from '../negatives/types.ts'
import { random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { checkSample } from './batch.ts'
import { type Dataset, type Sample, UNKNOWN_LABEL } from './dataset.ts'

/** Options of {@link withPastedNegatives}. */
export interface PastedNegativesOptions {
  /** Default 0. */
  readonly seed?: number
  /** Smallest number of pasted pixels; smaller negatives are drawn again, at most 20 times. Default 1. */
  readonly minArea?: number
}

const ATTEMPTS = 20

/**
 * A data set whose every item has exactly one negative pasted in, labelled UNKNOWN_LABEL (in testing: an anomaly). All
 * other pixels keep colour and label. The negative and its place depend on `seed` and the item's index only.
 *
 * `item` rejects with EMPTY when the source gives no negative, or none of `minArea` pixels, that fits.
 */
export function withPastedNegatives(
  dataset: Dataset,
  source: NegativeSource,
  options: PastedNegativesOptions = {},
): Dataset {
  if (typeof dataset?.item !== 'function') throw invalid('dataset', 'a Dataset', dataset)
  if (typeof source?.sample !== 'function') throw invalid('source', 'a NegativeSource', source)
  checkOptionNames('withPastedNegatives', options, ['seed', 'minArea'])
  const seed = checkInteger('seed', options.seed ?? 0, 0)
  const minArea = checkInteger('minArea', options.minArea ?? 1, 1)
  return {
    name: `${dataset.name} with negatives of ${source.name}`,
    classes: dataset.classes,
    length: dataset.length,
    async item(index) {
      const sample = checkSample(`item ${index} of ${dataset.name}`, await dataset.item(index))
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const image = tensor(Uint8Array.from(sample.image.data), sample.image.shape)
        const where = tensor(new Uint8Array(sample.labels.data.length), sample.labels.shape)
        const target = { image, labels: where }
        const pixels = await pasteInto(target, source, random(seed, index, attempt), { negativeLabel: 1 })
        if (pixels >= minArea) return pastedSample(sample, image, where.data)
      }
      throw new DenseHybridError(
        'EMPTY',
        `No negative of ${source.name} has ${minArea} pixels or more in ${sample.id} (${ATTEMPTS} were drawn).`,
        { hint: 'Lower minArea, or use larger negatives or images.' },
      )
    },
    ...(dataset.palette && { palette: dataset.palette }),
    ...(dataset.files && { files: (index: number) => dataset.files!(index) }),
    ...(dataset.source && { source: (index: number) => dataset.source!(index) }),
  }
}

/** The sample with its new image; where `pasted` is 1, UNKNOWN_LABEL and no instance. */
function pastedSample(sample: Sample, image: Tensor<Uint8Array>, pasted: Uint8Array): Sample {
  const covered = (map: Tensor<Uint8Array>, value: number) => {
    const data = Uint8Array.from(map.data)
    for (let i = 0; i < data.length; i++) if (pasted[i] === 1) data[i] = value
    return tensor(data, map.shape)
  }
  return {
    ...sample,
    image,
    labels: covered(sample.labels, UNKNOWN_LABEL),
    ...(sample.instances && { instances: covered(sample.instances, 0) }),
  }
}
