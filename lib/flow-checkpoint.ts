import { z } from 'zod'
import { withCancel } from './binding/cancel.ts'
import type { NativeAddon, NativeFlowConfig } from './binding/native.ts'
import { refuseOtherKinds } from './checkpoint-kind.ts'
import { DenseHybridError } from './errors.ts'

/** Key of the one metadata entry that makes a .safetensors file a checkpoint of a flow. */
export const FLOW_METADATA_KEY = 'densehybrid.flow'

/** The version of the metadata that this version of the package writes, and the newest that it reads. */
export const FLOW_CHECKPOINT_FORMAT = 1

const counts = z.array(z.number().int().min(1)).min(1)
const configSchema = z.object({
  architecture: z.string().min(1),
  units: counts,
  layers: counts,
  mid: counts,
  growth: z.number().int().min(1),
  netDepth: z.number().int().min(1),
  netGrowth: z.number().int().min(1),
  attention: z.boolean(),
  variational: z.boolean(),
})
const metadataSchema = z.object({
  format: z.number().int().min(1),
  config: configSchema,
  user: z.record(z.string(), z.unknown()).default({}),
})

/** What decides the tensors of a flow, without seed and device. */
export type FlowConfig = z.output<typeof configSchema>

/** What a flow's checkpoint says, stored as JSON under `FLOW_METADATA_KEY`; `user` is whatever was given to `save`. */
export type FlowMetadata = z.output<typeof metadataSchema>

/** The part of a native configuration that a checkpoint carries. */
export function flowConfigOf(config: NativeFlowConfig): FlowConfig {
  return configSchema.parse(config)
}

/** The metadata entries to be stored in a .safetensors file. Throws INVALID_ARGUMENT where `user` is no JSON. */
export function encodeFlowMetadata(
  config: FlowConfig,
  user: Readonly<Record<string, unknown>>,
): Record<string, string> {
  try {
    return { [FLOW_METADATA_KEY]: JSON.stringify({ format: FLOW_CHECKPOINT_FORMAT, config, user }) }
  } catch (error) {
    const message = `The metadata cannot be stored as JSON: ${(error as Error).message}`
    throw new DenseHybridError('INVALID_ARGUMENT', message, { cause: error })
  }
}

/**
 * Reads only the header of a flow's checkpoint, or of its trainer's state.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE where the file is no checkpoint of a flow, damaged or of a newer version
 */
export async function readFlowMetadata(
  native: NativeAddon,
  path: string,
  kind: 'densehybrid.flow' | 'densehybrid.flow-trainer' = FLOW_METADATA_KEY,
): Promise<FlowMetadata> {
  const { metadata } = await withCancel(undefined, () => native.readSafetensorsHeader(path))
  refuseOtherKinds(metadata, kind, path)
  const text = metadata[FLOW_METADATA_KEY]
  if (text === undefined) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} is a .safetensors file but not a checkpoint of a flow: its metadata has no entry "${FLOW_METADATA_KEY}".`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const message = `${path} is a damaged checkpoint: its metadata is not JSON.`
    throw new DenseHybridError('INVALID_FILE', message, { cause: error })
  }
  const format = (value as { format?: unknown } | null)?.format
  if (typeof format === 'number' && format > FLOW_CHECKPOINT_FORMAT) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} has flow checkpoint format ${format}; this version of densehybrid reads up to ${FLOW_CHECKPOINT_FORMAT}.`,
      { hint: 'It was written by a newer version: update densehybrid.' },
    )
  }
  const parsed = metadataSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue.path.length === 0 ? 'its metadata' : `field "${issue.path.join('.')}" of its metadata`
  throw new DenseHybridError('INVALID_FILE', `${path} is a damaged checkpoint: ${field}: ${issue.message}.`, {
    cause: parsed.error,
  })
}

/** Throws ARCHITECTURE_MISMATCH naming the first field in which a checkpoint's configuration differs. */
export function requireSameFlow(path: string, found: FlowConfig, expected: FlowConfig): void {
  for (const key of Object.keys(expected) as (keyof FlowConfig)[]) {
    const [theirs, ours] = [show(found[key]), show(expected[key])]
    if (theirs === ours) continue
    throw new DenseHybridError(
      'ARCHITECTURE_MISMATCH',
      `${path} holds a flow with ${key} ${theirs}; this flow has ${key} ${ours}.`,
      { hint: 'DenseFlow.load builds the flow that the checkpoint needs.' },
    )
  }
}

function show(value: FlowConfig[keyof FlowConfig]): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value)
}
