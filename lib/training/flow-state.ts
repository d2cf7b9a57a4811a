import { z } from 'zod'
import { DenseHybridError } from '../errors.ts'
import type { ResolvedFlowTrainerOptions } from './flow-options.ts'
import { SCHEDULES } from './schedule.ts'

/** Key of the trainer's part in the metadata of a state file. */
export const FLOW_TRAINER_KEY = 'densehybrid.flow-trainer'

/** The file in a run's folder from which the run resumes. */
export const FLOW_STATE_FILE = 'flow-trainer.safetensors'

/** The file in a run's folder with the flow alone. */
export const FLOW_FILE = 'flow.safetensors'

/** Most steps whose mean is the likelihood that a run reports. */
const RECENT = 50

const count = z.number().int().min(0)
const stateSchema = z.object({
  format: z.literal(1),
  options: z.object({
    learningRate: z.number(),
    minLearningRate: z.number(),
    schedule: z.enum(SCHEDULES),
    betas: z.tuple([z.number(), z.number()]),
    eps: z.number(),
    clipNorm: z.number(),
    seed: count,
  }),
  device: z.string(),
  /** Completed epochs of `fit`, and batches of the running one. */
  epoch: count,
  batch: count,
  batchesPerEpoch: z.number().int().min(1).optional(),
  /** All steps. */
  step: count,
  /** Bits per dimension of the first step, and of the last ones. */
  first: z.number().optional(),
  recent: z.array(z.number()),
})

/** Everything of a run beside weights and moments. */
export type FlowTrainerState = z.output<typeof stateSchema>

/** The state of a run that has not begun. */
export function newFlowState(options: ResolvedFlowTrainerOptions, device: string): FlowTrainerState {
  const { betas, ...rest } = options
  return {
    format: 1,
    options: { ...rest, betas: [...betas] },
    device,
    epoch: 0,
    batch: 0,
    step: 0,
    recent: [],
  }
}

/** Counts one step. */
export function addStep(state: FlowTrainerState, bitsPerDim: number): void {
  state.step++
  state.first ??= bitsPerDim
  state.recent.push(bitsPerDim)
  if (state.recent.length > RECENT) state.recent.shift()
}

/** Parses the state of a file's metadata. Throws INVALID_FILE naming the file. */
export function decodeFlowState(entries: Record<string, string>, path: string): FlowTrainerState {
  const text = entries[FLOW_TRAINER_KEY]
  if (text === undefined) {
    throw new DenseHybridError('INVALID_FILE', `${path} is not the state of a flow's training.`, {
      hint: 'Resume from a folder that FlowTrainer.save wrote; for a flow alone use DenseFlow.load.',
    })
  }
  try {
    return stateSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `${path} is a damaged or newer training state.`, {
      cause: error,
      hint: 'If a newer version of densehybrid wrote it, update.',
    })
  }
}
