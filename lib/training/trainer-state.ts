import { z } from 'zod'
import { DenseHybridError } from '../errors.ts'
import type { ResolvedTrainerOptions } from './options.ts'

/** Key of the trainer's part in the metadata of a state file. */
export const TRAINER_KEY = 'densehybrid.trainer'

/** The file in a run's folder from which the run resumes. */
export const STATE_FILE = 'trainer.safetensors'

/** The file in a run's folder with the model alone. */
export const MODEL_FILE = 'model.safetensors'

/** The file in a run's folder with the flow alone, where one is trained. */
export const FLOW_FILE = 'flow.safetensors'

const losses = z.object({
  total: z.number(),
  cls: z.number(),
  x: z.number(),
  d: z.number(),
  mle: z.number().optional(),
  jsd: z.number().optional(),
  outside: z.number().optional(),
})

/** Absent in states of older versions. */
const count = z.number().default(0)

const stateSchema = z.object({
  format: z.literal(1),
  options: z.looseObject({ objective: z.enum(['closed-set', 'hybrid']) }),
  /** Name of the source of negatives, when there was one. */
  negatives: z.string().optional(),
  device: z.string(),
  segmenterPrecision: z.enum(['float32', 'bf16']),
  epoch: z.number().int().min(0),
  batch: z.number().int().min(0),
  step: z.number().int().min(0),
  batchesPerEpoch: z.number().int().min(1).optional(),
  /** Was a flow trained, too? */
  flow: z.boolean().default(false),
  sums: losses.extend({
    steps: z.number().int().min(0),
    flowSteps: count,
    mle: count,
    jsd: count,
    outside: count,
  }),
  history: z.array(
    z.object({
      epoch: z.number().int().min(0),
      losses,
      learningRate: z.number(),
      validation: z.unknown().optional(),
    }),
  ),
})

/** Everything of a run beside weights and moments. */
export interface TrainerState extends Omit<z.output<typeof stateSchema>, 'options'> {
  options: ResolvedTrainerOptions
}

/** The state as a metadata entry. */
export function encodeTrainerState(state: TrainerState): Record<string, string> {
  try {
    return { [TRAINER_KEY]: JSON.stringify(state) }
  } catch (error) {
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `What validate returned cannot be stored: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}

/** Parses the state of a file's metadata. Throws INVALID_FILE naming the file. */
export function decodeTrainerState(entries: Record<string, string>, path: string): TrainerState {
  const text = entries[TRAINER_KEY]
  if (text === undefined) {
    throw new DenseHybridError('INVALID_FILE', `${path} is not the state of a training run.`, {
      hint: 'Resume from a folder that Trainer.save wrote; for a model alone use Segmenter.load.',
    })
  }
  try {
    const state = stateSchema.parse(JSON.parse(text)) as TrainerState
    return state
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `${path} is a damaged or newer training state.`, {
      cause: error,
      hint: 'If a newer version of densehybrid wrote it, update.',
    })
  }
}
