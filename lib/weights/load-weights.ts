import { extname } from 'node:path'
import { withCancel } from '../binding/cancel.ts'
import type { NativeAddon, NativeArchitecture, NativeModel } from '../binding/native.ts'
import { type CheckpointMetadata, decodeMetadata, METADATA_KEY } from '../checkpoint.ts'
import { refuseOtherKinds } from '../checkpoint-kind.ts'
import { DenseHybridError } from '../errors.ts'
import type { Tensor, TypedArray } from '../tensor.ts'
import { isMobileNetTf, MOBILENET_TF_SETTINGS } from './mobilenet-tf.ts'
import { countMatches, renameWeights, withoutCounters } from './rename.ts'

/** What a weight file had of a model. */
export interface WeightsReport {
  /** Number of tensors taken from the file. */
  readonly loaded: number
  /** In the model, not in the file: these kept their values. */
  readonly missing: readonly string[]
  /** In the file, not in the model; by their name in the file. */
  readonly unexpected: readonly string[]
}

/** How a model must be built for a weight file, as far as the file says so. */
export interface WeightsSettings {
  readonly architecture?: string
  readonly options?: NativeArchitecture['options']
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Only of a checkpoint of this package. */
  readonly checkpoint?: CheckpointMetadata
}

/**
 * Reads from the header of a weight file how its model must be built: a checkpoint says it in its metadata, the
 * TensorFlow MobileNetV2 is recognised by its names, other files say nothing.
 *
 * @throws DenseHybridError NOT_FOUND, INVALID_FILE naming the file
 */
export async function readWeightsSettings(native: NativeAddon, path: string): Promise<WeightsSettings> {
  refuseForeignFormat(path)
  const { tensors, metadata } = await withCancel(undefined, () => native.readSafetensorsHeader(path))
  refuseOtherKinds(metadata, METADATA_KEY, path)
  if (metadata[METADATA_KEY] !== undefined) {
    const checkpoint = decodeMetadata(metadata, path)
    const { architecture, options, mean, std } = checkpoint
    return { architecture, options, mean, std, checkpoint }
  }
  return isMobileNetTf(Object.keys(tensors)) ? MOBILENET_TF_SETTINGS : {}
}

/**
 * Copies the weights of a .safetensors file into a model. Names are matched as `renameWeights` says.
 *
 * @param options.strict every tensor of the model must be in the file, and nothing else
 * @param options.prefix put before every name of the file; absent: found automatically
 * @throws DenseHybridError NOT_FOUND, INVALID_FILE, or ARCHITECTURE_MISMATCH where nothing matches, shapes differ or
 * `strict` is violated; the model is then unchanged
 */
export async function loadWeights(
  native: NativeAddon,
  model: NativeModel,
  path: string,
  options: { strict: boolean; prefix?: string },
): Promise<WeightsReport> {
  refuseForeignFormat(path)
  const { tensors } = await withCancel(undefined, () => native.readSafetensors(path))
  const modelNames = model.tensorNames()
  const renamed = renameWeights(Object.keys(tensors), modelNames, options.prefix)
  if (countMatches(renamed.values(), new Set(modelNames)) === 0) {
    throw new DenseHybridError(
      'ARCHITECTURE_MISMATCH',
      `None of the ${renamed.size} tensors of ${path} belongs to a model of architecture ${model.config.architecture}.`,
      {
        hint: `Its first name is ${first(renamed.keys())}; the model's first is ${first(modelNames)}. Set prefix?`,
      },
    )
  }
  const original = new Map([...renamed].map(([from, to]) => [to, from]))
  const source: Record<string, Tensor<TypedArray>> = {}
  for (const [from, to] of renamed) source[to] = tensors[from]
  try {
    const { strict } = options
    const { missing, unexpected } = await withCancel(undefined, () => model.loadTensors(source, { strict }))
    return {
      loaded: renamed.size - unexpected.length,
      missing: withoutCounters(missing),
      unexpected: unexpected.map((name) => original.get(name) ?? name),
    }
  } catch (error) {
    throw namingFile(error, path)
  }
}

/** The same error with the file in front of its message, unless that names it already. */
export function namingFile(error: unknown, path: string): unknown {
  if (!(error instanceof DenseHybridError) || error.message.includes(path)) return error
  return new DenseHybridError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error })
}

function refuseForeignFormat(path: string): void {
  if (!['.pth', '.pt', '.bin', '.ckpt'].includes(extname(path).toLowerCase())) return
  throw new DenseHybridError(
    'INVALID_FILE',
    `${path} is a PyTorch file; weights are read from .safetensors files.`,
    {
      hint: "Convert it in Python: safetensors.torch.save_file(torch.load(path, weights_only=True), 'weights.safetensors')",
    },
  )
}

function first(names: Iterable<string>): string {
  for (const name of names) return JSON.stringify(name)
  return 'none'
}
