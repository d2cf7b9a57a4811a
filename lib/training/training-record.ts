import { z } from 'zod'
import { packageVersion } from '../version.ts'
import type { Losses } from './progress.ts'

/** A data set as a training saw it. */
export interface DataRecord {
  /** What it was opened from, e.g. "camvid:CamVid?split=train"; where it was opened from a spec. */
  readonly spec?: string
  readonly name: string
  /** Number of items; absent where there is no data set, as with generated negatives. */
  readonly length?: number
  /** See `hashDataset`. */
  readonly hash?: string
  readonly hashOf?: 'files' | 'ids'
}

/** How the weights of a model came about, as its checkpoint says it. The same training gives the same record. */
export interface TrainingRecord {
  readonly objective: string
  /** Of densehybrid. */
  readonly version: string
  /** Completed epochs and steps. */
  readonly epochs: number
  readonly steps: number
  /** Means over the last epoch, or over the steps of the running one. */
  readonly losses?: Readonly<Partial<Losses>>
  /** The options of the run, as in its config.json; of a `Trainer` alone, its options. */
  readonly config?: Readonly<Record<string, unknown>>
  /** In the order in which they were joined. A data set that had changed when the run was resumed is here twice. */
  readonly data?: readonly DataRecord[]
  readonly negatives?: readonly DataRecord[]
  /** The training that the model had before, at most three of them one inside the other. */
  readonly previous?: TrainingRecord
}

/** Earlier trainings that a record keeps. */
const LEVELS = 3

const count = z.number().int().min(0)

const data = z.array(
  z.object({
    spec: z.string().optional(),
    name: z.string(),
    length: count.optional(),
    hash: z.string().optional(),
    hashOf: z.enum(['files', 'ids']).optional(),
  }),
)

// In the order in which records are made: one that was saved and loaded is written as the same bytes.
const fields = {
  objective: z.string(),
  version: z.string(),
  epochs: count,
  steps: count,
  config: z.record(z.string(), z.unknown()).optional(),
  data: data.optional(),
  negatives: data.optional(),
}
const losses = z.record(z.string(), z.number()).optional()
const first = z.object({ ...fields, losses })
const second = z.object({ ...fields, previous: first.optional(), losses })
const third = z.object({ ...fields, previous: second.optional(), losses })

/** As deep as records are written; what lies deeper in a file is left out. */
export const trainingSchema: z.ZodType<TrainingRecord> = z.object({
  ...fields,
  previous: third.optional(),
  losses,
})

/**
 * The record of a training that begins.
 *
 * @param earlier the model's record so far; it becomes `previous`
 * @param known what is known beside the objective
 */
export function beginRecord(
  earlier: TrainingRecord | undefined,
  objective: string,
  known: Pick<TrainingRecord, 'config' | 'data' | 'negatives'>,
): TrainingRecord {
  const version = packageVersion()
  const previous = earlier && cut(earlier, LEVELS)
  return { objective, version, epochs: 0, steps: 0, ...known, ...(previous && { previous }) }
}

/** The record of a run that is resumed: with its present options, and with data that had changed beside what it was. */
export function resumeRecord(
  record: TrainingRecord,
  known: Pick<TrainingRecord, 'config' | 'data' | 'negatives'>,
): TrainingRecord {
  const data = withChanged(record.data, known.data)
  const negatives = withChanged(record.negatives, known.negatives)
  const { config = record.config } = known
  return {
    ...record,
    version: packageVersion(),
    ...(config && { config }),
    ...(data && { data }),
    ...(negatives && { negatives }),
  }
}

/** The record after more training. */
export function advanceRecord(
  record: TrainingRecord | undefined,
  now: Pick<TrainingRecord, 'objective' | 'epochs' | 'steps'>,
  losses: Losses | undefined,
): TrainingRecord | undefined {
  // Before the first step the weights are still those that the record describes.
  if (record === undefined || now.steps === 0) return record
  return { ...record, ...now, ...(losses && { losses }) }
}

function withChanged(
  before: readonly DataRecord[] = [],
  now: readonly DataRecord[] = [],
): readonly DataRecord[] | undefined {
  const same = (a: DataRecord, b: DataRecord) => a.name === b.name && a.hash === b.hash && a.spec === b.spec
  const all = [...before, ...now.filter((one) => !before.some((other) => same(one, other)))]
  return all.length === 0 ? undefined : all
}

/** A record with at most `levels` records, itself included. */
function cut(record: TrainingRecord, levels: number): TrainingRecord {
  const { previous, ...rest } = record
  return previous === undefined || levels <= 1 ? rest : { ...rest, previous: cut(previous, levels - 1) }
}
