import { parse } from 'node:path'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import { checkOptionNames } from '../validate.ts'
import { checkSample } from './batch.ts'
import { createLimiter, withAbort } from './concurrency.ts'
import { type Dataset, IGNORE_LABEL, type Sample, UNKNOWN_LABEL } from './dataset.ts'
import { UnlistedLabelError } from './datasets/label-table.ts'

/** Items read at the same time. */
const CONCURRENCY = 4

/** What `checkDataset` found. */
export interface DatasetCheck {
  name: string
  length: number
  classes: string[]
  /**
   * Pixels by class name, then "unknown" and "ignore". Data sets without classes (anomaly masks) have "inlier" in place
   * of classes.
   */
  labelHistogram: Record<string, number>
  /** Images in which a class occurs, by the same names. */
  imageHistogram: Record<string, number>
  /** The images with the fewest and the most pixels, and the number of different sizes. Absent where none can be read. */
  sizes?: { min: ImageSize; max: ImageSize; distinct: number }
  /** The number of items that the publishers state, where it is known. */
  officialLength?: number
  /** Images that hold a label value that the data set's table does not list, by that value: the first of each image. */
  unlistedLabels: Record<string, number>
  /** File names, without folder and extension, that more than one image has; an example with its paths. */
  duplicateStems: { count: number; example?: { stem: string; images: string[] } }
  /** Images with labels, but without a pixel of anything unknown; per-image measures leave them out. */
  withoutUnknown: number
  /** Number of items that cannot be read. */
  unreadable: number
  /** The one of them with the smallest index. `files` is absent for generated data. */
  firstUnreadable?: { index: number; files?: { image: string; labels?: string }; message: string }
  /** What will do harm though every item can be read: classes without pixels, images without labels, equal ids. */
  warnings: string[]
}

/** In pixels. */
export interface ImageSize {
  width: number
  height: number
}

/** Options of `checkDataset`. */
export interface CheckOptions {
  signal?: AbortSignal
  /** Called after every item. */
  onProgress?: (progress: { done: number; total: number }) => void
}

/**
 * Reads every item of a data set and reports what is in it. An item that cannot be read is counted, not thrown.
 *
 * @throws DenseHybridError `ABORTED`
 */
export async function checkDataset(dataset: Dataset, options: CheckOptions = {}): Promise<DatasetCheck> {
  checkOptionNames('checkDataset', options, ['signal', 'onProgress'])
  const { signal, onProgress } = options
  const findings = new Findings(dataset)
  const total = dataset.length
  let done = 0
  const limit = createLimiter(CONCURRENCY)
  const checkItem = async (index: number): Promise<void> => {
    throwIfAborted(signal)
    try {
      findings.add(index, checkSample(`item ${index} of ${dataset.name}`, await dataset.item(index)))
    } catch (error) {
      if (error instanceof DenseHybridError && error.code === 'ABORTED') throw error
      findings.addUnreadable(index, error as Error)
    }
    throwIfAborted(signal)
    onProgress?.({ done: ++done, total })
  }
  const items = Array.from({ length: total }, (_, index) => limit(() => checkItem(index)))
  await withAbort(Promise.all(items), signal)
  return findings.result()
}

/** Collects findings of items in any order; the result does not depend on the order. */
class Findings {
  readonly #dataset: Dataset
  /** By label value, 0 … 255. */
  readonly #pixels = new Float64Array(256)
  readonly #images = new Float64Array(256)
  readonly #sizes = new Map<string, ImageSize>()
  readonly #indicesById = new Map<string, number[]>()
  readonly #allIgnored: number[] = []
  readonly #unreadable = new Map<number, Error>()
  #withoutUnknown = 0

  constructor(dataset: Dataset) {
    this.#dataset = dataset
  }

  add(index: number, sample: Sample): void {
    const counts = new Float64Array(256)
    for (const label of sample.labels.data) counts[label]++
    for (let label = 0; label < 256; label++) {
      this.#pixels[label] += counts[label]
      if (counts[label] > 0) this.#images[label]++
    }
    const [height, width] = sample.labels.shape
    this.#sizes.set(`${width}×${height}`, { width, height })
    const sameId = this.#indicesById.get(sample.id)
    if (sameId === undefined) this.#indicesById.set(sample.id, [index])
    else sameId.push(index)
    if (counts[IGNORE_LABEL] === sample.labels.data.length) this.#allIgnored.push(index)
    else if (counts[UNKNOWN_LABEL] === 0) this.#withoutUnknown++
  }

  addUnreadable(index: number, error: Error): void {
    this.#unreadable.set(index, error)
  }

  result(): DatasetCheck {
    const { name, classes, length } = this.#dataset
    const names = this.#names()
    const bySize = [...this.#sizes.values()].sort(
      (a, b) => a.width * a.height - b.width * b.height || a.width - b.width,
    )
    const byName = (counts: Float64Array) =>
      Object.fromEntries([...names].map(([label, className]) => [className, counts[label]]))
    return {
      name,
      length,
      classes: [...classes],
      labelHistogram: byName(this.#pixels),
      imageHistogram: byName(this.#images),
      ...(bySize.length > 0 && { sizes: { min: bySize[0], max: bySize.at(-1)!, distinct: bySize.length } }),
      ...(this.#dataset.officialLength !== undefined && { officialLength: this.#dataset.officialLength }),
      unlistedLabels: this.#unlistedLabels(),
      duplicateStems: duplicateStems(this.#dataset),
      withoutUnknown: this.#withoutUnknown,
      unreadable: this.#unreadable.size,
      ...(this.#unreadable.size > 0 && { firstUnreadable: this.#firstUnreadable() }),
      warnings: this.#warnings(names),
    }
  }

  #names(): Map<number, string> {
    const { classes } = this.#dataset
    const known: [number, string][] =
      classes.length > 0 ? classes.map((name, label) => [label, name]) : [[0, 'inlier']]
    return new Map([...known, [UNKNOWN_LABEL, 'unknown'], [IGNORE_LABEL, 'ignore']])
  }

  #firstUnreadable(): DatasetCheck['firstUnreadable'] {
    const index = Math.min(...this.#unreadable.keys())
    const files = this.#dataset.files?.(index)
    return { index, ...(files && { files }), message: this.#unreadable.get(index)!.message }
  }

  #unlistedLabels(): Record<string, number> {
    const counts = new Map<number, number>()
    for (const error of this.#unreadable.values()) {
      if (error instanceof UnlistedLabelError) counts.set(error.value, (counts.get(error.value) ?? 0) + 1)
    }
    return Object.fromEntries([...counts].sort(([a], [b]) => a - b))
  }

  #warnings(names: ReadonlyMap<number, string>): string[] {
    const { classes, length, officialLength } = this.#dataset
    const readable = length - this.#unreadable.size
    if (length === 0) return ['The data set is empty.']
    const warnings: string[] = []
    if (officialLength !== undefined && length !== officialLength) {
      const reason = length < officialLength ? 'was it downloaded in part?' : 'are there other files?'
      warnings.push(`${length} images, but its publishers state ${officialLength}: ${reason}`)
    }
    if (readable === 0) return warnings
    const labelled = this.#allIgnored.length < readable
    if (!labelled) warnings.push('No image has a labelled pixel.')
    else if (this.#allIgnored.length > 0) {
      const first = Math.min(...this.#allIgnored)
      warnings.push(
        `${this.#allIgnored.length} of ${readable} images have no labelled pixel; the first is ${this.#idOf(first)}.`,
      )
    }
    const unseen = labelled ? classes.filter((_, label) => this.#pixels[label] === 0) : []
    if (unseen.length > 0) warnings.push(`No pixel of ${listNames(unseen)}.`)
    if (labelled && classes.length === 0 && this.#pixels[UNKNOWN_LABEL] === 0)
      warnings.push('No pixel is an anomaly.')
    for (let label = 0; label < 256; label++) {
      if (this.#pixels[label] === 0 || names.has(label)) continue
      warnings.push(`${this.#pixels[label]} pixels have the label ${label}, which is no class.`)
    }
    for (const [id, indices] of this.#indicesById) {
      if (indices.length < 2) continue
      warnings.push(`Items ${indices.sort((a, b) => a - b).join(', ')} have the same id ${id}.`)
    }
    return warnings
  }

  #idOf(index: number): string {
    for (const [id, indices] of this.#indicesById) if (indices.includes(index)) return id
    return `item ${index}`
  }
}

function duplicateStems({ length, files }: Dataset): DatasetCheck['duplicateStems'] {
  const byStem = new Map<string, string[]>()
  for (let index = 0; files !== undefined && index < length; index++) {
    const { image } = files(index)
    const stem = parse(image).name
    const same = byStem.get(stem)
    if (same === undefined) byStem.set(stem, [image])
    else if (!same.includes(image)) same.push(image)
  }
  const repeated = [...byStem].filter(([, images]) => images.length > 1)
  if (repeated.length === 0) return { count: 0 }
  const [[stem, images]] = repeated
  return { count: repeated.length, example: { stem, images: images.slice(0, 3) } }
}

/** "a, b and c", or the first ten of a long list. */
function listNames(names: readonly string[]): string {
  if (names.length > 10) return `${names.slice(0, 10).join(', ')} and ${names.length - 10} more classes`
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
