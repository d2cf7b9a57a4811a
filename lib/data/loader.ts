import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { pasteInto } from '../negatives/pasting.ts'
import type { FlowWindow, NegativeSource } from '../negatives/types.ts'
import { permutation, random } from '../random.ts'
import { checkInteger, checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { type Batch, BatchBuilder, checkSample } from './batch.ts'
import { createLimiter, withAbort } from './concurrency.ts'
import type { Dataset, Sample } from './dataset.ts'
import { checkCropSize, checkRange, DEFAULT_SCALE, flip, scaleJitterCrop } from './transforms.ts'

export type { Batch } from './batch.ts'

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions {
  /** Images a batch, at least 1. */
  readonly batchSize: number
  /** [height, width] of a random crop. Without it the images of a batch must have one size. */
  readonly crop?: readonly [number, number]
  /** Range of the random scale factor that goes with `crop`. Default [0.5, 2]. */
  readonly scale?: readonly [number, number]
  /** Probability that an image is mirrored. Default 0.5. */
  readonly flip?: number
  /** A new order every epoch. Default true. */
  readonly shuffle?: boolean
  /** Leave out the last batch when it is not full. Default true. */
  readonly dropLast?: boolean
  /** Default 0. */
  readonly seed?: number
  /** Images that are read and transformed at the same time. Default 4. */
  readonly concurrency?: number
  /** Batches that are made ahead of the one that is asked for. Default 2. */
  readonly prefetch?: number
}

/** Options of {@link DataLoader.epoch}. */
export interface EpochOptions {
  /** Ends the epoch with ABORTED. */
  readonly signal?: AbortSignal
  /** Every image gets one negative, pasted after the crop. */
  readonly negatives?: NegativeSource
  /** Leave samples of a flow to the trainer; see {@link PasteOptions}. Default false. */
  readonly leaveToFlow?: boolean
  /** Number of batches to leave out at the start (they are not read); resumes an epoch. Default 0. */
  readonly start?: number
}

const OPTION_NAMES = [
  'batchSize',
  'crop',
  'scale',
  'flip',
  'shuffle',
  'dropLast',
  'seed',
  'concurrency',
  'prefetch',
]

// The purpose that a stream of draws serves, so that streams of one position do not repeat each other.
const SHUFFLE = 1
const AUGMENT = 2
const PASTE = 3

/**
 * Seeded, shuffled batches, read ahead.
 *
 * Every draw depends on the seed, the epoch and the position in the epoch only: the same seed gives the same batches at
 * any `concurrency`, and an epoch resumed at batch `start` goes on as the whole epoch would have. With `dropLast` (the
 * default) a data set with fewer items than a batch is wrapped around, so that it still gives one full batch an epoch;
 * without, every item occurs exactly once.
 *
 * @throws INVALID_ARGUMENT for bad options, EMPTY for a data set without items.
 */
export class DataLoader {
  readonly batchesPerEpoch: number
  readonly #dataset: Dataset
  readonly #options: Required<Omit<DataLoaderOptions, 'crop'>> & Pick<DataLoaderOptions, 'crop'>

  constructor(dataset: Dataset, options: DataLoaderOptions) {
    if (typeof dataset?.item !== 'function') throw invalid('dataset', 'a Dataset', dataset)
    if (typeof options !== 'object' || options === null)
      throw invalid('options', 'an object with batchSize', options)
    checkOptionNames('DataLoader', options, OPTION_NAMES)
    const checked = {
      batchSize: checkInteger('batchSize', options.batchSize, 1),
      crop: options.crop === undefined ? undefined : checkCropSize('crop', options.crop),
      scale: checkRange('scale', options.scale ?? DEFAULT_SCALE, 64),
      flip: checkNumber('flip', options.flip ?? 0.5, 0, 1),
      shuffle: checkBoolean('shuffle', options.shuffle ?? true),
      dropLast: checkBoolean('dropLast', options.dropLast ?? true),
      seed: checkInteger('seed', options.seed ?? 0, 0),
      concurrency: checkInteger('concurrency', options.concurrency ?? 4, 1, 256),
      prefetch: checkInteger('prefetch', options.prefetch ?? 2, 0, 1024),
    }
    if (!(dataset.length > 0)) {
      throw new DenseHybridError('EMPTY', `The data set ${dataset.name} has no items.`, {
        hint: 'Check its folders, its split and its list of files with `densehybrid data check`.',
      })
    }
    this.#dataset = dataset
    this.#options = checked
    const batches = dataset.length / checked.batchSize
    this.batchesPerEpoch = checked.dropLast ? Math.max(1, Math.floor(batches)) : Math.ceil(batches)
  }

  /**
   * The batches of epoch `epoch` (≥ 0). Reading begins with the first batch that is asked for. An item that cannot be read
   * rejects with its own error when its batch is reached; leaving the loop early ends all reading.
   */
  epoch(epoch: number, options: EpochOptions = {}): AsyncIterable<Batch> {
    checkInteger('epoch', epoch, 0)
    checkOptionNames('DataLoader.epoch', options, ['signal', 'negatives', 'leaveToFlow', 'start'])
    const start = checkInteger('start', options.start ?? 0, 0, this.batchesPerEpoch)
    if (options.negatives !== undefined && typeof options.negatives?.sample !== 'function') {
      throw invalid('negatives', 'a NegativeSource', options.negatives)
    }
    return { [Symbol.asyncIterator]: () => this.#run(epoch, start, options) }
  }

  async *#run(
    epoch: number,
    start: number,
    { signal, negatives, leaveToFlow }: EpochOptions,
  ): AsyncGenerator<Batch, void> {
    const limit = createLimiter(this.#options.concurrency)
    const stop = new AbortController()
    const order = this.#order(epoch)
    const ahead: Promise<Batch>[] = []
    let next = start
    const fill = (count: number) => {
      for (; ahead.length < count && next < this.batchesPerEpoch; next++) {
        const batch = this.#batch(epoch, next, order, { limit, negatives, leaveToFlow, signal: stop.signal })
        batch.catch(() => {}) // it is reported when its turn comes, or never when the loop ends before
        ahead.push(batch)
      }
    }
    try {
      for (;;) {
        throwIfAborted(signal)
        fill(1 + this.#options.prefetch)
        const first = ahead.shift()
        if (first === undefined) return
        const batch = await withAbort(first, signal)
        fill(this.#options.prefetch)
        yield batch
      }
    } finally {
      stop.abort()
    }
  }

  /** Which item stands at a position of the epoch. */
  #order(epoch: number): (position: number) => number {
    const length = this.#dataset.length
    if (!this.#options.shuffle) return (position) => position % length
    const rounds: number[][] = []
    return (position) => {
      const round = Math.floor(position / length)
      rounds[round] ??= permutation(length, random(this.#options.seed, SHUFFLE, epoch, round))
      return rounds[round][position % length]
    }
  }

  async #batch(
    epoch: number,
    index: number,
    order: (position: number) => number,
    run: EpochOptions & { limit: ReturnType<typeof createLimiter>; signal: AbortSignal },
  ): Promise<Batch> {
    const { batchSize, dropLast, seed } = this.#options
    const first = index * batchSize
    const count = dropLast ? batchSize : Math.min(batchSize, this.#dataset.length - first)
    const builder = new BatchBuilder(count)
    const windows: FlowWindow[][] = Array.from({ length: count }, () => [])
    const load = async (slot: number) => {
      throwIfAborted(run.signal)
      const position = first + slot
      const sample = await this.#sample(order(position), epoch, position, run.signal)
      const item = builder.add(slot, sample)
      if (item === undefined || run.negatives === undefined) return
      await pasteInto(item, run.negatives, random(seed, PASTE, epoch, position), {
        signal: run.signal,
        ...(run.leaveToFlow && { leave: (window) => windows[slot].push({ image: slot, ...window }) }),
      })
    }
    await Promise.all(windows.map((_, slot) => run.limit(() => load(slot))))
    const batch = builder.finish()
    return run.leaveToFlow ? { ...batch, windows: windows.flat() } : batch
  }

  async #sample(item: number, epoch: number, position: number, signal: AbortSignal): Promise<Sample> {
    const { crop, scale, seed } = this.#options
    const rng = random(seed, AUGMENT, epoch, position)
    const flipped = rng.uniform() < this.#options.flip
    let sample = checkSample(`item ${item} of ${this.#dataset.name}`, await this.#dataset.item(item))
    throwIfAborted(signal)
    if (crop !== undefined) sample = await scaleJitterCrop(sample, { size: crop, scale }, rng)
    return flipped ? flip(sample) : sample
  }
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  return value
}
