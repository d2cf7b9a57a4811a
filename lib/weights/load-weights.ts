import { withCancel } from '../binding/cancel.ts'
import type { NativeArchitecture, NativeModel } from '../binding/native.ts'
import { type CheckpointMetadata, decodeMetadata, METADATA_KEY } from '../checkpoint.ts'
import { refuseOtherKinds } from '../checkpoint-kind.ts'
import { DenseHybridError } from '../errors.ts'
import type { Tensor, TypedArray } from '../tensor.ts'
import { isMobileNetTf, MOBILENET_TF_SETTINGS } from './mobilenet-tf.ts'
import { countMatches, renameWeights, withoutCounters } from './rename.ts'
import type { WeightsFile } from './weights-file.ts'

/** A tensor that has one shape in a file and another in the model. */
export interface Mismatch {
  /** In the model. */
  readonly name: string
  readonly file: readonly number[]
  readonly model: readonly number[]
}

/** The tensor with the code of an imported TorchScript module. */
const ARCHIVE = 'torchscript.archive'

/** What a weight file had of a model. */
export interface WeightsReport {
  /** Number of tensors taken from the file. */
  readonly loaded: number
  /** In the model, not in the file: these kept their values. */
  readonly missing: readonly string[]
  /** In the file, not in the model; by their name in the file. */
  readonly unexpected: readonly string[]
  /** In the file: the head of a classifier whose backbone was taken. */
  readonly ignored: readonly string[]
  /** Left out because their shapes differ. */
  readonly mismatched: readonly Mismatch[]
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

/** How weights are matched with a model. */
export interface MatchOptions {
  /** Every tensor of the model must be in the file, and nothing else but a classifier's head. */
  readonly strict: boolean
  /** Put before every name of the file; absent: found automatically. */
  readonly prefix?: string
  /** What tensors of another shape are. Default 'error'. */
  readonly mismatched?: 'error' | 'skip'
}

/** How many names a message holds. */
const NAMES = 5

/**
 * Tells from the header of a weight file how its model must be built: a checkpoint says it in its metadata, the
 * TensorFlow MobileNetV2 is recognised by its names, other files say nothing.
 *
 * @throws DenseHybridError INVALID_FILE naming the file
 */
export function weightsSettings({ path, tensors, metadata }: WeightsFile): WeightsSettings {
  refuseOtherKinds(metadata, METADATA_KEY, path)
  if (metadata[METADATA_KEY] !== undefined) {
    const checkpoint = decodeMetadata(metadata, path)
    const { architecture, options, mean, std } = checkpoint
    return { architecture, options, mean, std, checkpoint }
  }
  return isMobileNetTf(tensors.map(({ name }) => name)) ? MOBILENET_TF_SETTINGS : {}
}

/**
 * Copies the weights of a file into a model. Names are matched as `renameWeights` says.
 *
 * @throws DenseHybridError NOT_FOUND; INVALID_FILE, also for values that are not finite; ARCHITECTURE_MISMATCH where
 * nothing matches, shapes differ or `strict` is violated; the model is then unchanged
 */
export async function loadWeights(
  model: NativeModel,
  file: WeightsFile,
  options: MatchOptions,
): Promise<WeightsReport> {
  const { path, tensors } = file
  const shapes = model.tensorShapes()
  const modelNames = Object.keys(shapes)
  const fileNames = tensors.map(({ name }) => name)
  const renamed = renameWeights(fileNames, modelNames, options.prefix)
  if (countMatches(renamed.values(), new Set(modelNames)) === 0) {
    throw new DenseHybridError(
      'ARCHITECTURE_MISMATCH',
      `None of the ${renamed.size} tensors of ${path} belongs to a model of architecture ${model.config.architecture}.`,
      {
        hint: `Its first name is ${first(fileNames)}; the model's first is ${first(modelNames)}. Set prefix?`,
      },
    )
  }
  const taken = new Map<string, string>() // name in the model → in the file
  const unexpected: string[] = []
  const ignored: string[] = []
  const mismatched: Mismatch[] = []
  for (const { name, shape } of tensors) {
    const to = renamed.get(name)
    // The weights of a file never come with its code: a model runs the code that it was made of.
    if (to === ARCHIVE && shapes[ARCHIVE] !== undefined) continue
    if (to === undefined) ignored.push(name)
    else if (!Object.hasOwn(shapes, to)) unexpected.push(name)
    else if (taken.has(to)) throw twice(path, to, name, taken.get(to) as string)
    else if (sameShape(shape, shapes[to])) taken.set(to, name)
    else mismatched.push({ name: to, file: shape, model: shapes[to] })
  }
  const missing = withoutCounters(modelNames.filter((name) => !taken.has(name) && name !== ARCHIVE))
  if (mismatched.length > 0 && options.mismatched !== 'skip') throw otherShapes(path, mismatched)
  if (options.strict && (missing.length > 0 || unexpected.length > 0))
    throw notStrict(path, missing, unexpected)
  const values = await file.read([...taken.values()])
  const source: Record<string, Tensor<TypedArray>> = {}
  for (const [to, from] of taken) {
    const value = values.get(from)
    if (value === undefined)
      throw new DenseHybridError('INVALID_FILE', `${path}: the tensor ${from} is gone.`)
    checkFinite(path, from, value)
    source[to] = value
  }
  try {
    await withCancel(undefined, () => model.loadTensors(source, { strict: false }))
  } catch (error) {
    throw namingFile(error, path)
  }
  return { loaded: taken.size, missing, unexpected, ignored, mismatched }
}

/** The same error with the file in front of its message, unless that names it already. */
export function namingFile(error: unknown, path: string): unknown {
  if (!(error instanceof DenseHybridError) || error.message.includes(path)) return error
  return new DenseHybridError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error })
}

/** Refuses values that are not finite: they would spread to every pixel without a word. */
function checkFinite(path: string, name: string, { data }: Tensor<TypedArray>): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return
  let wrong = 0
  // As float32, which the model has: a double may be too large for it.
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(Math.fround(data[i]))) wrong++
  if (wrong === 0) return
  throw new DenseHybridError(
    'INVALID_FILE',
    `${path}: the tensor ${name} holds ${wrong} of ${data.length} values that are not finite.`,
    { hint: 'Its training went wrong: take an earlier file.' },
  )
}

/** A scalar may be stored with shape [1]. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const single = (shape: readonly number[]) => shape.every((size) => size === 1)
  return (single(a) && single(b)) || (a.length === b.length && a.every((size, i) => size === b[i]))
}

function twice(path: string, to: string, name: string, other: string): DenseHybridError {
  return new DenseHybridError(
    'ARCHITECTURE_MISMATCH',
    `${path} has two tensors for ${to} of the model: ${other} and ${name}.`,
    { hint: 'Convert one set of them with strip or prefix, or name the entry of the checkpoint with key.' },
  )
}

function otherShapes(path: string, mismatched: readonly Mismatch[]): DenseHybridError {
  const list = mismatched
    .slice(0, NAMES)
    .map(({ name, file, model }) => `${name} is [${file}] there and [${model}] in the model`)
  const more = mismatched.length > NAMES ? `; and ${mismatched.length - NAMES} more` : ''
  return new DenseHybridError(
    'ARCHITECTURE_MISMATCH',
    `${path} has ${mismatched.length} tensors of other shapes: ${list.join('; ')}${more}.`,
    {
      hint: "Create the model with the architecture, options and number of classes of the weights, or leave these out with mismatched: 'skip'.",
    },
  )
}

function notStrict(
  path: string,
  missing: readonly string[],
  unexpected: readonly string[],
): DenseHybridError {
  const names = (list: readonly string[]) =>
    list.length === 0 ? '' : ` (${list.slice(0, NAMES).join(', ')}${list.length > NAMES ? ', …' : ''})`
  return new DenseHybridError(
    'ARCHITECTURE_MISMATCH',
    `The weights of ${path} do not belong to this model: ${missing.length} tensors are missing${names(missing)} and ${unexpected.length} are unexpected${names(unexpected)}.`,
    { hint: 'Load with strict: false to take what matches.' },
  )
}

function first(names: Iterable<string>): string {
  for (const name of names) return JSON.stringify(name)
  return 'none'
}
