import { CATALOGUE } from '../../data/catalogue/catalogue.ts'
import type { Dataset } from '../../data/dataset.ts'
import { type DatasetHash, hashDataset } from '../../data/hash.ts'
import { openDataset, openNegatives } from '../../data/registry.ts'
import { planNegatives } from '../finetune-negatives.ts'
import type { ReadyStage } from './stages.ts'

/** A data set that stages read. */
export interface StageDataset {
  readonly spec: string
  readonly use: 'images' | 'negatives'
}

/** What the manifest says about a data set. */
export interface DatasetRecord extends StageDataset, DatasetHash {
  readonly name: string
  readonly images: number
}

/** The data sets that a stage reads, as its flags name them. */
export function datasetsOf({ stage, values }: Pick<ReadyStage, 'stage' | 'values'>): StageDataset[] {
  const images = [values.data, values.val, values.calibrateOn, values.secondFold].flat()
  const negatives = [
    values.pasteNegatives,
    ...(stage.command === 'finetune' ? [planNegatives(values as never).real] : []),
  ]
  const named = (specs: readonly unknown[], use: StageDataset['use']) =>
    specs.flatMap((spec) => (typeof spec === 'string' ? [{ spec, use }] : []))
  return [...named(images, 'images'), ...named(negatives, 'negatives')]
}

/** Opens every data set of a recipe once. */
export class StageData {
  readonly #open = new Map<string, Promise<Dataset | undefined>>()
  readonly #signal: AbortSignal | undefined

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** Undefined for negatives that are generated. */
  open({ spec, use }: StageDataset): Promise<Dataset | undefined> {
    const key = `${use} ${spec}`
    const signal = this.#signal && { signal: this.#signal }
    const found =
      this.#open.get(key) ??
      (use === 'images'
        ? openDataset(spec, signal)
        : openNegatives(spec, signal).then(({ dataset }) => dataset))
    this.#open.set(key, found)
    return found
  }

  /** Name, length and hash; undefined as for `open`. */
  async record(one: StageDataset): Promise<DatasetRecord | undefined> {
    const dataset = await this.open(one)
    if (dataset === undefined) return undefined
    const hash = await hashDataset(dataset, this.#signal && { signal: this.#signal })
    return { ...one, name: dataset.name, images: dataset.length, ...hash }
  }
}

/** Does a spec name a folder that was not given? */
export function isOpenEnded(spec: string): boolean {
  return /\{[a-z0-9-]+\}/.test(spec)
}

/** Number of images that the publishers state for a spec, where they do; it need not be there. */
export function officialImages(spec: string): number | undefined {
  const [scheme] = spec.split(':', 1)
  const entry = CATALOGUE.find((one) => one.scheme === scheme)
  if (entry === undefined) return undefined
  const keys = new URLSearchParams(spec.slice(spec.lastIndexOf('?') + 1))
  const splits = keys.get('split')?.split(',') ?? (entry.defaultSplit ? [entry.defaultSplit] : [])
  const images = splits.map((split) => entry.splits[split]?.images)
  if (images.length === 0 || images.includes(undefined)) return undefined
  const sum = images.reduce<number>((total, count) => total + (count ?? 0), 0)
  return Math.min(sum, Number(keys.get('limit') ?? Infinity))
}
