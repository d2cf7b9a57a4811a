import type { Dataset } from '../data/dataset.ts'
import { hashDataset } from '../data/hash.ts'
import type { NegativeSource } from '../negatives/types.ts'
import type { DataRecord, TrainingRecord } from './training-record.ts'

/** A data set of a training as it was opened, before it was joined to others or its labels changed. */
export interface TrainingData {
  /** What it was opened from. */
  readonly spec?: string
  readonly dataset: Dataset
}

/** What {@link describeTraining} describes. */
export interface TrainingSources {
  readonly config: Readonly<Record<string, unknown>>
  readonly dataset: Dataset
  /** What `dataset` was made of. Default: itself. */
  readonly data?: readonly TrainingData[]
  readonly negatives?: NegativeSource
  /** What the negatives were opened from. */
  readonly negativesSpec?: string
  readonly signal?: AbortSignal
}

/**
 * Options and data of a run for the record of its training. Data sets are hashed. The folder of the run is left out: the
 * same training in another folder gives the same checkpoint.
 *
 * @throws DenseHybridError NOT_FOUND or IO naming a file of the data, ABORTED
 */
export async function describeTraining(
  sources: TrainingSources,
): Promise<Pick<TrainingRecord, 'config' | 'data' | 'negatives'>> {
  const { dataset, data = [{ dataset }], negatives, negativesSpec, signal } = sources
  const { out: _, ...config } = sources.config
  const records: DataRecord[] = []
  for (const { spec, dataset } of data) {
    records.push({ ...(spec && { spec }), name: dataset.name, ...(await measure(dataset, signal)) })
  }
  if (negatives === undefined) return { config, data: records }
  const { name, dataset: cutFrom } = negatives
  const measured = cutFrom && (await measure(cutFrom, signal))
  const spec = negativesSpec && { spec: negativesSpec }
  return { config, data: records, negatives: [{ ...spec, name, ...measured }] }
}

async function measure(dataset: Dataset, signal: AbortSignal | undefined) {
  return { length: dataset.length, ...(await hashDataset(dataset, { signal })) }
}
