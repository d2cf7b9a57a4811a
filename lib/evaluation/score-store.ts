import { DenseHybridError } from '../errors.ts'
import { invalid } from '../validate.ts'
import { bitsOfScores, isNonFiniteBits, keyFromBits, scoresFromKeys, sortKeys } from './score-keys.ts'

/** How many unsorted keys are held before they are folded into the runs. */
const FOLD_MINIMUM = 1 << 22

/** A score store as JSON: distinct scores ascending (float32) and how often each occurs (float64), base64, little-endian. */
export interface ScoreStoreJson {
  readonly count: number
  readonly scores: string
  /** Absent where every score occurs once. */
  readonly counts?: string
}

/**
 * A multiset of scores. Keys are appended image by image and folded into sorted runs (key, how often) once as many are
 * waiting as there are runs, so that memory follows the number of distinct scores, not the number of pixels, and the
 * work per pixel stays constant.
 */
export class ScoreStore {
  #waiting: Int32Array[] = []
  #waitingCount = 0
  #keys = new Int32Array(0)
  #counts = new Float64Array(0)
  #count = 0

  /** Number of scores, repeats included. */
  get count(): number {
    return this.#count
  }

  /** Appends keys (see score-keys.ts); the store keeps the array. */
  push(keys: Int32Array): void {
    if (keys.length === 0) return
    this.#waiting.push(keys)
    this.#waitingCount += keys.length
    this.#count += keys.length
    if (this.#waitingCount >= Math.max(FOLD_MINIMUM, this.#keys.length)) this.#fold()
  }

  /** Appends the scores of another store, which keeps them. */
  merge(other: ScoreStore): void {
    const { keys, counts } = other.runs()
    this.#mergeRuns(keys, counts)
    this.#count += other.#count
  }

  /** Distinct keys ascending and their counts. Views of the store: not to be written, and stale after the next push. */
  runs(): { readonly keys: Int32Array; readonly counts: Float64Array } {
    this.#fold()
    return { keys: this.#keys, counts: this.#counts }
  }

  toJSON(): ScoreStoreJson {
    const { keys, counts } = this.runs()
    const scores = toBase64(scoresFromKeys(keys))
    if (counts.every((count) => count === 1)) return { count: this.#count, scores }
    return { count: this.#count, scores, counts: toBase64(counts) }
  }

  /** @throws INVALID_ARGUMENT naming `name` where `json` is not what {@link ScoreStore.toJSON} writes */
  static fromJSON(name: string, json: unknown): ScoreStore {
    const { count, scores: packed, counts: packedCounts } = (json ?? {}) as Partial<ScoreStoreJson>
    const bits = bitsOfScores(new Float32Array(fromBase64(`${name}.scores`, packed, 4)))
    const counts =
      packedCounts === undefined
        ? new Float64Array(bits.length).fill(1)
        : new Float64Array(fromBase64(`${name}.counts`, packedCounts, 8))
    if (counts.length !== bits.length) {
      throw invalid(`${name}.counts`, `${bits.length} counts, one for each score`, counts)
    }
    const store = new ScoreStore()
    store.#keys = new Int32Array(bits.length)
    store.#counts = counts
    for (let i = 0; i < bits.length; i++) {
      store.#keys[i] = keyFromBits(bits[i])
      store.#count += counts[i]
      const ordered = i === 0 || store.#keys[i] > store.#keys[i - 1]
      if (isNonFiniteBits(bits[i]) || !ordered || !Number.isSafeInteger(counts[i]) || counts[i] < 1) {
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

  #fold(): void {
    if (this.#waitingCount === 0) return
    const joined = new Int32Array(this.#waitingCount)
    let offset = 0
    for (const keys of this.#waiting) {
      joined.set(keys, offset)
      offset += keys.length
    }
    this.#waiting = []
    this.#waitingCount = 0
    this.#mergeRuns(sortKeys(joined), undefined)
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
