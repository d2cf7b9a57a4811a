import { z } from 'zod'
import { withCancel } from './binding/cancel.ts'
import type { NativeAddon, NativeArchitecture, NativeModelConfig } from './binding/native.ts'
import { refuseOtherKinds } from './checkpoint-kind.ts'
import { DenseHybridError } from './errors.ts'
import { type Colour, classColours } from './palette.ts'
import { checkThreshold } from './scores.ts'
import { TORCHSCRIPT } from './torchscript.ts'
import { trainingSchema } from './training/training-record.ts'
import { invalid, nearest } from './validate.ts'

/** Key of the one metadata entry that makes a .safetensors file a checkpoint of this package. */
export const METADATA_KEY = 'densehybrid'

/** The version of the metadata that this version of the package writes, and the newest that it reads. */
export const CHECKPOINT_FORMAT = 1

const triple = z.tuple([z.number(), z.number(), z.number()])

const byte = z.number().int().min(0).max(255)

// Fields are in the order in which a new model gets them: one that was saved and loaded writes the same bytes.
const metadataSchema = z.object({
  format: z.number().int().min(1),
  architecture: z.string().min(1),
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  classes: z.array(z.string().min(1)).min(1).max(254),
  palette: z.array(z.tuple([byte, byte, byte]).readonly()).optional(),
  mean: triple,
  std: triple,
  threshold: z.number().optional(),
  calibration: z.record(z.string(), z.unknown()).optional(),
  hybrid: z.boolean(),
  user: z.record(z.string(), z.unknown()).default({}),
  training: trainingSchema.optional(),
})

/**
 * What a checkpoint says about its model, stored as JSON under `METADATA_KEY`.
 *
 * - `classes` the names of the K known classes; index = label
 * - `palette` K colours [red, green, blue], 0 … 255; absent in checkpoints of older versions
 * - `mean`, `std` per channel, applied to RGB scaled to [0, 1]
 * - `threshold` τ: pixels with a hybrid score above it are unknown
 * - `calibration` how τ was found (TPR, FPR, convention, data)
 * - `hybrid` whether the d_out head was trained
 * - `training` how the weights came about; absent where nothing was trained, and in checkpoints of older versions
 * - `user` whatever was given to `save` beside these
 */
export type CheckpointMetadata = z.output<typeof metadataSchema>

/** What `Segmenter#save` stores beside the weights. Keys other than these two are kept as they are (JSON). */
export interface SaveMetadata {
  /** Replaces the model's own; null stores none. */
  readonly threshold?: number | null
  /** How the threshold was found. Default: the model's own, unless `threshold` is given. */
  readonly calibration?: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

/** The metadata of a new model: no threshold, d_out head not trained. Default `palette`: `classColours`. */
export function newMetadata(
  config: NativeModelConfig,
  classes: readonly string[],
  palette: readonly Colour[] = classColours(classes),
): CheckpointMetadata {
  const { architecture, options } = config
  const [mean, std] = [triple.parse(config.mean), triple.parse(config.std)]
  return {
    format: CHECKPOINT_FORMAT,
    architecture,
    options,
    classes: [...classes],
    palette: [...palette],
    mean,
    std,
    hybrid: false,
    user: {},
  }
}

/** A model's metadata with what the caller of `save` adds. Throws INVALID_ARGUMENT. */
export function mergeMetadata(own: CheckpointMetadata, added: SaveMetadata): CheckpointMetadata {
  const { threshold, calibration, ...user } = added
  const merged = { ...own, user: { ...own.user, ...user } }
  if (threshold !== undefined) {
    merged.threshold = checkThreshold(threshold)
    merged.calibration = undefined
  }
  if (calibration !== undefined) {
    if (typeof calibration !== 'object' || calibration === null)
      throw invalid('calibration', 'an object', calibration)
    merged.calibration = { ...calibration }
  }
  return merged
}

/** The metadata entries to be stored in a .safetensors file. */
export function encodeMetadata(metadata: CheckpointMetadata): Record<string, string> {
  try {
    return { [METADATA_KEY]: JSON.stringify(metadata) }
  } catch (error) {
    throw new DenseHybridError(
      'INVALID_ARGUMENT',
      `The metadata cannot be stored as JSON: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}

/**
 * Parses and checks the metadata of a .safetensors file.
 *
 * @param entries the file's metadata
 * @param path for messages
 * @throws DenseHybridError INVALID_FILE where the file is no checkpoint, damaged, or of a newer version
 */
export function decodeMetadata(entries: Record<string, string>, path: string): CheckpointMetadata {
  const text = entries[METADATA_KEY]
  if (text === undefined) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} is a .safetensors file but not a checkpoint of this package: its metadata has no entry "${METADATA_KEY}".`,
      { hint: `To start from its weights: Segmenter.create({ architecture, classes, weights: '${path}' }).` },
    )
  }
  const value = parseJson(text, path)
  const format = (value as { format?: unknown } | null)?.format
  if (typeof format === 'number' && format > CHECKPOINT_FORMAT) {
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} has checkpoint format ${format}; this version of densehybrid reads up to ${CHECKPOINT_FORMAT}.`,
      { hint: 'It was written by a newer version: update densehybrid.' },
    )
  }
  const parsed = metadataSchema.safeParse(value)
  if (parsed.success) return checkColourCount(parsed.data, path)
  const [issue] = parsed.error.issues
  const field = issue.path.length === 0 ? 'its metadata' : `field "${issue.path.join('.')}" of its metadata`
  throw new DenseHybridError('INVALID_FILE', `${path} is a damaged checkpoint: ${field}: ${issue.message}.`, {
    cause: parsed.error,
  })
}

function checkColourCount(metadata: CheckpointMetadata, path: string): CheckpointMetadata {
  const { palette, classes } = metadata
  if (palette === undefined || palette.length === classes.length) return metadata
  throw new DenseHybridError(
    'INVALID_FILE',
    `${path} is a damaged checkpoint: field "palette" of its metadata: ${palette.length} colours for ${classes.length} classes.`,
  )
}

/**
 * Reads only the header of a checkpoint, or of a trainer's state.
 *
 * @throws DenseHybridError NOT_FOUND, INVALID_FILE naming the file, ARCHITECTURE_MISMATCH where this version does not
 * know the model
 */
export async function readCheckpointMetadata(
  native: NativeAddon,
  path: string,
  kind: 'densehybrid' | 'densehybrid.trainer' = METADATA_KEY,
): Promise<CheckpointMetadata> {
  const { metadata } = await withCancel(undefined, () => native.readSafetensorsHeader(path))
  refuseOtherKinds(metadata, kind, path)
  const decoded = decodeMetadata(metadata, path)
  if (decoded.architecture === TORCHSCRIPT) return decoded
  const known = native.architectures()
  const architecture = known.find(({ name }) => name === decoded.architecture)
  if (architecture === undefined) throw unknownArchitecture(decoded.architecture, path, known)
  const unknownOption = Object.keys(decoded.options).find((name) => !(name in architecture.options))
  if (unknownOption !== undefined) {
    throw new DenseHybridError(
      'ARCHITECTURE_MISMATCH',
      `${path} needs option "${unknownOption}" of ${decoded.architecture}, which this version does not have.`,
      { hint: 'It was written by a newer version: update densehybrid.' },
    )
  }
  return decoded
}

function unknownArchitecture(
  name: string,
  path: string,
  known: readonly NativeArchitecture[],
): DenseHybridError {
  const names = known.map((architecture) => architecture.name)
  const near = nearest(name, names)
  return new DenseHybridError(
    'ARCHITECTURE_MISMATCH',
    `${path} holds a model of architecture "${name}", which this version does not have.`,
    { hint: `Known architectures: ${names.join(', ')}.${near === undefined ? '' : ` Nearest: ${near}.`}` },
  )
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DenseHybridError('INVALID_FILE', `${path} is a damaged checkpoint: its metadata is not JSON.`, {
      cause: error,
    })
  }
}
