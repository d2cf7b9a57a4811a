import { DenseHybridError } from '../errors.ts'
import { checkInteger, invalid } from '../validate.ts'
import { BLOCK_BITS, BLOCK_ZERO, BLOCKS } from './group-keys.ts'
import { bitsOfScores, isNonFiniteBits, keyFromBits, scoresFromKeys, sortKeys } from './score-keys.ts'

/** How many unsorted keys are held before they are folded into the runs. */
const FOLD_MINIMUM = 1 << 20
/** Keys of one block. */
const BLOCK = 1 << BLOCK_BITS
const LOW = BLOCK - 1
/** A block gets counters (4 bytes a possible key instead of 12 a run) once it holds as many keys, and as large a share. */
const DENSE_MINIMUM = 16
const DENSE_SHARE = 1 / 8
/** Largest count of a 32-bit counter. */
const COUNTER_MAXIMUM = 2 ** 32 - 1

/** A score store as JSON: distinct scores ascending (float32) and how often each occurs (float64), base64, little-endian. */
export interface ScoreStoreJson {
  readonly count: number
  readonly scores: string
  /** Absent where every score occurs once. */
  readonly counts?: string
}

/**
 * A multiset of scores, given as keys (see score-keys.ts). Memory follows the number of distinct scores, not the number
 * of pixels: keys wait image by image and are folded into sorted runs (key, how often); blocks of keys that fill up get
 * one counter a key, and what falls into them later is counted at once, without being sorted. Quantised scores, such as
 * widened float16, share trailing zeros of their keys: a block has counters for multiples of 2^shift only.
 */
export class ScoreStore {
  /** How many of the highest bits of a key are kept; 32 keeps every score apart. */
  readonly bits: number
  readonly #dropped: number
  readonly #foldMinimum: number
  #waiting = new Int32Array(0)
  #waitingCount = 0
  #keys: Int32Array = new Int32Array(0)
  #counts: Float64Array = new Float64Array(0)
  /** Start of a block's counters by its index, −1 for blocks without; empty as long as there is none. */
  #starts = new Int32Array(0)
  #shifts = new Uint8Array(0)
  #counters = new Uint32Array(0)
  #count = 0
  /** No counter is above it. */
  #counted = 0

  /**
   * @param bits 8 … 32
   * @param foldMinimum keys that wait for a fold at least
   */
  constructor(bits = 32, foldMinimum = FOLD_MINIMUM) {
    this.bits = checkInteger('bits', bits, 8, 32)
    this.#dropped = 32 - bits
    this.#foldMinimum = foldMinimum
  }

  /** Number of scores, repeats included. */
  get count(): number {
    return this.#count
  }

  /** Adds scores by their keys, the quicker the more keys of one block follow each other; the array is not kept. */
  push(keys: Int32Array): void {
    this.#count += keys.length
    for (let at = 0; at < keys.length; ) {
      if (this.#counted + keys.length - at > COUNTER_MAXIMUM) this.#flatten()
      this.#reserve(keys.length - at)
      const end = this.#take(keys, at)
      this.#counted += end - at
      at = end
      if (this.#waitingCount >= this.#foldAt) this.#fold()
    }
  }

  /** Counts keys, or lets them wait, until there is no room left; the index of the first key not taken. */
  #take(keys: Int32Array, from: number): number {
    const dropped = this.#dropped
    const starts = this.#starts
    const shifts = this.#shifts
    const counters = this.#counters
    const waiting = this.#waiting
    const withCounters = starts.length > 0
    let waitingCount = this.#waitingCount
    let block = -1
    let start = -1
    let shift = 0
    let at = from
    while (at < keys.length && waitingCount < waiting.length) {
      const key = keys[at++] >> dropped
      const keyBlock = (key >> BLOCK_BITS) + BLOCK_ZERO
      if (withCounters && keyBlock !== block) {
        block = keyBlock
        start = starts[block]
        shift = shifts[block]
      }
      const low = key & LOW
      const place = low >> shift
      if (start >= 0 && place << shift === low) counters[start + place]++
      else waiting[waitingCount++] = key
    }
    this.#waitingCount = waitingCount
    return at
  }

  /** Adds the scores of another store, which keeps them. */
  merge(other: ScoreStore): void {
    if (other.bits !== this.bits) throw invalid('other.bits', `${this.bits}`, other.bits)
    const { keys, counts } = other.runs()
    this.#flatten()
    this.#mergeRuns(
      keys.map((key) => key >> this.#dropped),
      counts,
    )
    this.#count += other.#count
  }

  /** Distinct keys ascending and their counts. */
  runs(): { readonly keys: Int32Array; readonly counts: Float64Array } {
    const distinct = this.distinct()
    const keys = new Int32Array(distinct)
    const counts = new Float64Array(distinct)
    const cursor = this.descending()
    for (let i = distinct - 1; i >= 0; i--) {
      cursor.next()
      keys[i] = cursor.key
      counts[i] = cursor.count
    }
    return { keys, counts }
  }

  /** Number of distinct scores. */
  distinct(): number {
    this.#fold()
    let used = 0
    for (let i = 0; i < this.#counters.length; i++) if (this.#counters[i] !== 0) used++
    return this.#keys.length + used
  }

  /** Walks through the distinct scores from the highest down; stale after the next push. */
  descending(): ScoreCursor {
    this.#fold()
    const blocks = { starts: this.#starts, shifts: this.#shifts, counters: this.#counters }
    return new ScoreCursor(this.#keys, this.#counts, blocks, this.#dropped)
  }

  toJSON(): ScoreStoreJson {
    const { keys, counts } = this.runs()
    const scores = toBase64(scoresFromKeys(keys))
    if (counts.every((count) => count === 1)) return { count: this.#count, scores }
    return { count: this.#count, scores, counts: toBase64(counts) }
  }

  /** @throws INVALID_ARGUMENT naming `name` where `json` is not what {@link ScoreStore.toJSON} writes */
  static fromJSON(name: string, json: unknown, bits = 32): ScoreStore {
    const { count, scores: packed, counts: packedCounts } = (json ?? {}) as Partial<ScoreStoreJson>
    const scoreBits = bitsOfScores(new Float32Array(fromBase64(`${name}.scores`, packed, 4)))
    const counts =
      packedCounts === undefined
        ? new Float64Array(scoreBits.length).fill(1)
        : new Float64Array(fromBase64(`${name}.counts`, packedCounts, 8))
    if (counts.length !== scoreBits.length) {
      throw invalid(`${name}.counts`, `${scoreBits.length} counts, one for each score`, counts)
    }
    const store = new ScoreStore(bits)
    const dropped = store.#dropped
    store.#keys = new Int32Array(scoreBits.length)
    store.#counts = counts
    for (let i = 0; i < scoreBits.length; i++) {
      const key = keyFromBits(scoreBits[i])
      store.#keys[i] = key >> dropped
      store.#count += counts[i]
      const ordered = i === 0 || store.#keys[i] > store.#keys[i - 1]
      const isBin = store.#keys[i] << dropped === key
      const isCount = Number.isSafeInteger(counts[i]) && counts[i] >= 1
      if (isNonFiniteBits(scoreBits[i]) || !ordered || !isBin || !isCount) {
        throw new DenseHybridError(
          'INVALID_ARGUMENT',
          `Entry ${i} of ${name} is damaged: expected finite scores in ascending order, each counted at least once.`,
          { hint: 'Was the JSON edited or cut? Write it again with toJSON().' },
        )
      }
    }
    if (store.#count !== count)
      throw invalid(`${name}.count`, `${store.#count}, the sum of its counts`, count)
    return store
  }

  /** As many waiting keys are worth a fold: the work per key stays constant while the runs grow. */
  get #foldAt(): number {
    return Math.max(this.#foldMinimum, this.#keys.length)
  }

  /** Makes room for at least one more waiting key, and for `wanted` where that is below a fold. */
  #reserve(wanted: number): void {
    const needed = Math.min(this.#waitingCount + wanted, this.#foldAt)
    if (needed <= this.#waiting.length) return
    const larger = new Int32Array(Math.min(Math.max(needed, 2 * this.#waiting.length), this.#foldAt))
    larger.set(this.#waiting.subarray(0, this.#waitingCount))
    this.#waiting = larger
  }

  #fold(): void {
    if (this.#waitingCount === 0) return
    const sorted = sortKeys(this.#waiting.subarray(0, this.#waitingCount))
    this.#waitingCount = 0
    this.#waiting = new Int32Array(0)
    // Keys between the counters of their block: its scores are not as quantised as they seemed.
    const isBetween = (key: number) => this.#starts[(key >> BLOCK_BITS) + BLOCK_ZERO] >= 0
    if (this.#starts.length > 0 && sorted.some(isBetween)) this.#flatten()
    this.#mergeRuns(sorted, undefined)
    this.#condense()
  }

  /** Gives counters to the blocks whose runs are many. */
  #condense(): void {
    const keys = this.#keys
    const counts = this.#counts
    const blocks = denseBlocks(keys, counts)
    if (blocks.length === 0) return
    if (this.#starts.length === 0) {
      this.#starts = new Int32Array(BLOCKS).fill(-1)
      this.#shifts = new Uint8Array(BLOCKS)
    }
    const size = blocks.reduce((sum, { shift }) => sum + (BLOCK >> shift), this.#counters.length)
    const counters = new Uint32Array(size)
    counters.set(this.#counters)
    let start = this.#counters.length
    let kept = 0
    let at = 0
    const keepUntil = (end: number) => {
      keys.copyWithin(kept, at, end)
      counts.copyWithin(kept, at, end)
      kept += end - at
    }
    for (const { from, to, shift } of blocks) {
      keepUntil(from)
      at = to
      const block = (keys[from] >> BLOCK_BITS) + BLOCK_ZERO
      this.#starts[block] = start
      this.#shifts[block] = shift
      for (let i = from; i < to; i++) {
        counters[start + ((keys[i] & LOW) >> shift)] = counts[i]
        this.#counted = Math.max(this.#counted, counts[i])
      }
      start += BLOCK >> shift
    }
    keepUntil(keys.length)
    this.#keys = keys.slice(0, kept)
    this.#counts = counts.slice(0, kept)
    this.#counters = counters
  }

  /** Turns all counters back into runs, whose counts are exact up to 2^53. */
  #flatten(): void {
    const { keys, counts } = this.runs()
    this.#keys = keys.map((key) => key >> this.#dropped)
    this.#counts = counts
    this.#starts = new Int32Array(0)
    this.#shifts = new Uint8Array(0)
    this.#counters = new Uint32Array(0)
    this.#counted = 0
  }

  /** Merges sorted keys into the runs. Without `counts` every key counts once and keys may repeat. */
  #mergeRuns(keys: Int32Array, counts: Float64Array | undefined): void {
    const oldKeys = this.#keys
    const oldCounts = this.#counts
    const distinct = countDistinct(oldKeys, keys)
    const mergedKeys = new Int32Array(distinct)
    const mergedCounts = new Float64Array(distinct)
    let a = 0
    let b = 0
    for (let out = 0; out < distinct; out++) {
      const key = b >= keys.length || (a < oldKeys.length && oldKeys[a] <= keys[b]) ? oldKeys[a] : keys[b]
      let sum = 0
      if (a < oldKeys.length && oldKeys[a] === key) sum += oldCounts[a++]
      while (b < keys.length && keys[b] === key) {
        sum += counts === undefined ? 1 : counts[b]
        b++
      }
      mergedKeys[out] = key
      mergedCounts[out] = sum
    }
    this.#keys = mergedKeys
    this.#counts = mergedCounts
  }
}

/** A stretch of runs, from … to − 1, that gets counters for multiples of 2^shift. */
interface DenseBlock {
  readonly from: number
  readonly to: number
  readonly shift: number
}

/** The blocks whose runs take more memory, and more time, than counters would. */
function denseBlocks(keys: Int32Array, counts: Float64Array): DenseBlock[] {
  const blocks: DenseBlock[] = []
  for (let from = 0; from < keys.length; ) {
    const block = keys[from] >> BLOCK_BITS
    let to = from
    let usedBits = BLOCK
    let fits = true
    while (to < keys.length && keys[to] >> BLOCK_BITS === block) {
      usedBits |= keys[to] & LOW
      if (counts[to] > COUNTER_MAXIMUM / 2) fits = false
      to++
    }
    const shift = 31 - Math.clz32(usedBits & -usedBits)
    const distinct = to - from
    if (fits && distinct >= DENSE_MINIMUM && distinct >= DENSE_SHARE * (BLOCK >> shift)) {
      blocks.push({ from, to, shift })
    }
    from = to
  }
  return blocks
}

/** Counters by block index, see {@link ScoreStore}. */
interface Blocks {
  readonly starts: Int32Array
  readonly shifts: Uint8Array
  readonly counters: Uint32Array
}

/** Distinct scores of a store from the highest down, with their counts. */
export class ScoreCursor {
  /** Key of the current score. */
  key = 0
  /** How often it occurs. */
  count = 0
  readonly #keys: Int32Array
  readonly #counts: Float64Array
  readonly #blocks: Blocks
  readonly #dropped: number
  /** Next run. */
  #run: number
  /** The block at hand (−1 behind the last), its lowest key, its counters, and the next of them. */
  #block: number
  #first = 0
  #start = 0
  #shift = 0
  #place = -1

  constructor(keys: Int32Array, counts: Float64Array, blocks: Blocks, dropped: number) {
    this.#keys = keys
    this.#counts = counts
    this.#blocks = blocks
    this.#dropped = dropped
    this.#run = keys.length - 1
    this.#block = blocks.starts.length
    this.#nextBlock()
  }

  /** Goes on to the next lower score; false behind the last one. */
  next(): boolean {
    // No block has runs and counters, so whichever is higher comes first as a whole.
    while (this.#block >= 0) {
      if (this.#run >= 0 && this.#keys[this.#run] >= this.#first + BLOCK) break
      const { counters } = this.#blocks
      const start = this.#start
      let place = this.#place
      while (place >= 0 && counters[start + place] === 0) place--
      if (place >= 0) {
        this.key = (this.#first + (place << this.#shift)) << this.#dropped
        this.count = counters[start + place]
        this.#place = place - 1
        return true
      }
      this.#nextBlock()
    }
    if (this.#run < 0) return false
    this.key = this.#keys[this.#run] << this.#dropped
    this.count = this.#counts[this.#run--]
    return true
  }

  #nextBlock(): void {
    const { starts, shifts } = this.#blocks
    do this.#block--
    while (this.#block >= 0 && starts[this.#block] < 0)
    if (this.#block < 0) return
    this.#first = (this.#block - BLOCK_ZERO) << BLOCK_BITS
    this.#start = starts[this.#block]
    this.#shift = shifts[this.#block]
    this.#place = (BLOCK >> this.#shift) - 1
  }
}

/** Size of the union of two ascending key lists. */
function countDistinct(first: Int32Array, second: Int32Array): number {
  let a = 0
  let b = 0
  let distinct = 0
  while (a < first.length || b < second.length) {
    const key = b >= second.length || (a < first.length && first[a] <= second[b]) ? first[a] : second[b]
    while (a < first.length && first[a] === key) a++
    while (b < second.length && second[b] === key) b++
    distinct++
  }
  return distinct
}

function toBase64(values: Float32Array | Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')
}

/** Decodes to a buffer of its own, so that it is aligned for typed arrays. */
function fromBase64(name: string, value: unknown, itemBytes: number): ArrayBuffer {
  if (typeof value !== 'string') throw invalid(name, 'a base64 string', value)
  const bytes = Buffer.from(value, 'base64')
  if (bytes.length % itemBytes !== 0) {
    throw invalid(
      name,
      `base64 of ${itemBytes}-byte numbers`,
      value.length > 40 ? `${value.slice(0, 40)}…` : value,
    )
  }
  return new Uint8Array(bytes).buffer
}
