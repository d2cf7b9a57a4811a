import { DenseHybridError } from '../errors.ts'
import type { FlowWindow } from '../negatives/types.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkTensor, invalid } from '../validate.ts'
import type { Sample } from './dataset.ts'

/** Images of one size with their labels. */
export interface Batch {
  /** N×H×W×3 RGB. */
  readonly images: Tensor<Uint8Array>
  /** N×H×W: 0 … K−1, UNKNOWN_LABEL or IGNORE_LABEL. */
  readonly labels: Tensor<Uint8Array>
  /** The N ids of the samples. An id occurs twice where a small data set was wrapped around. */
  readonly ids: readonly string[]
  /** Where samples of a flow go that are left to the trainer; the labels are UNKNOWN_LABEL there already. */
  readonly windows?: readonly FlowWindow[]
}

/** One image of a batch: views into the batch's memory. */
export interface BatchItem {
  /** H×W×3. */
  readonly image: Tensor<Uint8Array>
  /** H×W. */
  readonly labels: Tensor<Uint8Array>
}

/** Image `index` of a batch, without copying: writing into the views writes into the batch. */
export function batchItem(images: Tensor<Uint8Array>, labels: Tensor<Uint8Array>, index: number): BatchItem {
  const [, height, width] = labels.shape
  const pixels = height * width
  return {
    image: tensor(images.data.subarray(index * pixels * 3, (index + 1) * pixels * 3), [height, width, 3]),
    labels: tensor(labels.data.subarray(index * pixels, (index + 1) * pixels), [height, width]),
  }
}

/** Collects samples, which may arrive in any order, into one batch. The first to arrive sets the memory's size. */
export class BatchBuilder {
  readonly #ids: string[]
  readonly #sizes: (readonly number[])[]
  #images: Tensor<Uint8Array> | undefined
  #labels: Tensor<Uint8Array> | undefined

  constructor(count: number) {
    this.#ids = new Array(count)
    this.#sizes = new Array(count)
  }

  /** Copies a sample to position `index`. The result is undefined when its size differs from that of the others. */
  add(index: number, sample: Sample): BatchItem | undefined {
    const [height, width] = sample.labels.shape
    const count = this.#ids.length
    this.#ids[index] = sample.id
    this.#sizes[index] = [height, width]
    this.#images ??= tensor(new Uint8Array(count * height * width * 3), [count, height, width, 3])
    this.#labels ??= tensor(new Uint8Array(count * height * width), [count, height, width])
    if (this.#labels.shape[1] !== height || this.#labels.shape[2] !== width) return undefined
    const item = batchItem(this.#images, this.#labels, index)
    item.image.data.set(sample.image.data)
    item.labels.data.set(sample.labels.data)
    return item
  }

  /** The batch, once every position is filled; INVALID_ARGUMENT when sizes differ. */
  finish(): Batch {
    const [height, width] = this.#sizes[0]
    const odd = this.#sizes.findIndex((size) => size[0] !== height || size[1] !== width)
    if (odd >= 0) {
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `Expected images of one size in a batch, but ${this.#ids[0]} is ${width}×${height} and ` +
          `${this.#ids[odd]} is ${this.#sizes[odd][1]}×${this.#sizes[odd][0]} (width×height).`,
        { hint: 'Give the loader a crop: [height, width], resize the data set, or use batchSize 1.' },
      )
    }
    return { images: this.#images!, labels: this.#labels!, ids: this.#ids }
  }
}

/** Checks what a data set handed out: H×W×3 image, H×W labels (and instances) of the same size. */
export function checkSample(name: string, sample: Sample): Sample {
  const image = checkTensor(`${name}.image`, sample?.image, Uint8Array, 3)
  if (image.shape[2] !== 3) throw invalid(`${name}.image.shape`, 'H×W×3', image.shape)
  const size = image.shape.slice(0, 2)
  for (const key of ['labels', 'instances'] as const) {
    if (key === 'instances' && sample.instances === undefined) continue
    const map = checkTensor(`${name}.${key}`, sample[key], Uint8Array, 2)
    if (map.shape[0] !== size[0] || map.shape[1] !== size[1]) {
      throw invalid(`${name}.${key}.shape`, `the image's size ${size.join('×')} (height×width)`, map.shape)
    }
  }
  return sample
}
