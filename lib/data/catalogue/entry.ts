import type { Dataset } from '../dataset.ts'

/** What a published data set is asked for. */
export interface CatalogueOptions {
  /** Folder of the data set, as it was unpacked. */
  readonly root: string
  /** Names of splits, in order; at least one. */
  readonly splits: readonly string[]
  /** One of the entry's views. */
  readonly view: string
  /** Of the entry's further keys, as given. */
  readonly values: Readonly<Record<string, string>>
  /** For messages. */
  readonly name: string
  readonly signal?: AbortSignal
}

/** A split of a published data set. */
export interface CatalogueSplit {
  /** Number of images, where the publishers state it. */
  readonly images?: number
  /** What is special about it, in a few words. */
  readonly about?: string
}

/** A published data set: what is known of it without its files, and how its folders are read. */
export interface CatalogueEntry {
  /** Its scheme in specs, e.g. `cityscapes` of `cityscapes:/data/cityscapes?split=val`. */
  readonly scheme: string
  readonly title: string
  /** `labels`: known classes to train and measure on; `anomalies`: anomalies to be found; `negatives`: objects to paste. */
  readonly roles: readonly ('labels' | 'anomalies' | 'negatives')[]
  /** Address of its page. */
  readonly homepage: string
  /** Terms, in a few words. */
  readonly licence: string
  /** What the root folder holds, in one line. */
  readonly layout: string
  readonly splits: Readonly<Record<string, CatalogueSplit>>
  /** The split of a spec without `split`; absent: it must be given, and negatives come from the first split. */
  readonly defaultSplit?: string
  /** Ways to read the labels by name, each with one line on it; the first is the default. */
  readonly views: Readonly<Record<string, string>>
  /** Further keys of its specs, each with one line on it. */
  readonly keys?: Readonly<Record<string, string>>
  /**
   * @throws DenseHybridError `NOT_FOUND` where the root is another folder, saying what was expected and what is there;
   * `INVALID_FILE`, `EMPTY`, `INVALID_ARGUMENT` for values of further keys
   */
  open(options: CatalogueOptions): Promise<Dataset>
}
