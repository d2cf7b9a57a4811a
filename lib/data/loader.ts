import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { pasteInto } from '../negatives/pasting.ts'
import type { FlowWindow, NegativeSource } from '../negatives/types.ts'
import { random } from '../random.ts'
import { checkInteger, checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { type Batch, BatchBuilder, checkSample } from './batch.ts'
import { createLimiter, withAbort } from './concurrency.ts'
import type { Dataset, Sample } from './dataset.ts'
import { type Drawn, inOrder, type Sampler, shardOf, shuffled } from './sampling/sampler.ts'
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
  /** What stands at each position of an epoch, in place of `shuffle`: by class, or of several sets by weight. */
  readonly sampler?: Sampler
  /**
   * Rank `index` of `count` that train together: its batches are part of those that one rank alone with batches `count`
   * times as large would have. Default { index: 0, count: 1 }.
   */
  readonly shard?: { readonly index: number; readonly count: number }
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
  'sampler',
  'shard',
  'dropLast',
  'seed',
  'concurrency',
  'prefetch',
]

// The purpose that a stream of draws serves, so that streams of one position do not repeat each other.
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
  readonly #options: Required<Omit<DataLoaderOptions, 'crop' | 'sampler' | 'shuffle' | 'shard'>> &
    Pick<DataLoaderOptions, 'crop'>
  readonly #sampler: Sampler
  readonly #shard: { readonly index: number; readonly count: number }

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
    this.#shard = checkShard(options.shard ?? { index: 0, count: 1 }, dataset)
    this.#sampler = shardOf(chooseSampler(options, dataset), this.#shard)
    const batches = this.#sampler.length / checked.batchSize
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
    const ahead: Promise<Batch>[] = []
    let next = start
    const fill = (count: number) => {
      for (; ahead.length < count && next < this.batchesPerEpoch; next++) {
        const batch = this.#batch(epoch, next, { limit, negatives, leaveToFlow, signal: stop.signal })
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

  async #batch(
    epoch: number,
    index: number,
    run: EpochOptions & { limit: ReturnType<typeof createLimiter>; signal: AbortSignal },
  ): Promise<Batch> {
    const { batchSize, dropLast, seed } = this.#options
    const first = index * batchSize
    const count = dropLast ? batchSize : Math.min(batchSize, this.#sampler.length - first)
    const builder = new BatchBuilder(count)
    const windows: FlowWindow[][] = Array.from({ length: count }, () => [])
    // The position among those of all ranks.
    const place = (position: number) => position * this.#shard.count + this.#shard.index
    const load = async (slot: number) => {
      throwIfAborted(run.signal)
      const position = first + slot
      const drawn = this.#sampler.draw(epoch, position, seed)
      const sample = await this.#sample(drawn, epoch, place(position), run.signal)
      const item = builder.add(slot, sample)
      if (item === undefined || run.negatives === undefined) return
      await pasteInto(item, run.negatives, random(seed, PASTE, epoch, place(position)), {
        signal: run.signal,
        ...(run.leaveToFlow && { leave: (window) => windows[slot].push({ image: slot, ...window }) }),
      })
    }
    await Promise.all(windows.map((_, slot) => run.limit(() => load(slot))))
    const batch = builder.finish()
    return run.leaveToFlow ? { ...batch, windows: windows.flat() } : batch
  }

  async #sample(
    { item, focus }: Drawn,
    epoch: number,
    position: number,
    signal: AbortSignal,
  ): Promise<Sample> {
    const { crop, scale, seed } = this.#options
    const rng = random(seed, AUGMENT, epoch, position)
    const flipped = rng.uniform() < this.#options.flip
    const sample = checkSample(`item ${item} of ${this.#dataset.name}`, await this.#dataset.item(item))
    throwIfAborted(signal)
    if (crop === undefined) return flipped ? flip(sample) : sample
    return scaleJitterCrop(sample, { size: crop, scale, mirror: flipped, ...(focus && { focus }) }, rng)
  }
}

function chooseSampler({ sampler, shuffle }: DataLoaderOptions, dataset: Dataset): Sampler {
  if (sampler === undefined) {
    return checkBoolean('shuffle', shuffle ?? true) ? shuffled(dataset.length) : inOrder(dataset.length)
  }
  if (typeof sampler?.draw !== 'function' || !(sampler.length > 0))
    throw invalid('sampler', 'a Sampler', sampler)
  if (shuffle !== undefined) throw invalid('shuffle', 'nothing, as a sampler is given', shuffle)
  return sampler
}

function checkShard(shard: { index: number; count: number }, dataset: Dataset) {
  if (typeof shard !== 'object' || shard === null) throw invalid('shard', '{ index, count }', shard)
  checkOptionNames('shard', shard, ['index', 'count'])
  const count = checkInteger('shard.count', shard.count, 1, dataset.length)
  return { index: checkInteger('shard.index', shard.index, 0, count - 1), count }
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  return value
}
