import { access } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { withCancel } from '../binding/cancel.ts'
import { loadNative } from '../binding/load.ts'
import { DenseHybridError } from '../errors.ts'
import type { SegmenterOptions } from '../model-settings.ts'
import { Segmenter } from '../segmenter.ts'
import { elementCount, type Tensor, type TypedArray } from '../tensor.ts'
import type { TorchScriptOptions } from '../torchscript.ts'
import { isTorchScript } from '../torchscript-file.ts'
import { checkOptionNames, invalid } from '../validate.ts'
import type { WeightsReport } from './load-weights.ts'
import { writePth } from './pth/write-pth.ts'
import { openWeightsFile } from './weights-file.ts'
import { IMAGENET } from './weights-path.ts'

/** Options of {@link convertWeights}. */
export interface ConvertOptions {
  /** The entry of a .pth checkpoint that holds the weights. Default: found automatically. */
  readonly key?: string
  /** Removed from the names that begin with it. */
  readonly strip?: string
  /** Put before every name, after `strip`. */
  readonly prefix?: string
  /** Write a checkpoint of this package: the model to be made of the weights. `weights` is the input. */
  readonly model?: Omit<SegmenterOptions, 'weights' | 'weightsKey'>
  /** Write a checkpoint of an imported module; the input is a TorchScript file. */
  readonly torchscript?: TorchScriptOptions
  /** Replace the output where it exists. Default false. */
  readonly overwrite?: boolean
  readonly signal?: AbortSignal
}

/** What {@link convertWeights} wrote. */
export interface ConvertReport {
  readonly output: string
  readonly format: 'safetensors' | 'pth' | 'checkpoint'
  readonly tensors: number
  /** Values in all of them. */
  readonly values: number
  /** Of the values. */
  readonly bytes: number
  /** Number of tensors by type, as they were in the input. */
  readonly dtypes: Readonly<Record<string, number>>
  /** Types that were written as another: F16 and BF16 as F32, BOOL as U8. */
  readonly widened: readonly string[]
  /** Of a checkpoint: what the model got. */
  readonly weights?: WeightsReport
}

const OPTION_NAMES = [
  'key',
  'strip',
  'prefix',
  'model',
  'torchscript',
  'overwrite',
  'signal',
] as const satisfies readonly (keyof ConvertOptions)[]

/** What changes its type on the way. */
const WIDENED: Readonly<Record<string, string>> = { F16: 'F16 → F32', BF16: 'BF16 → F32', BOOL: 'BOOL → U8' }

/**
 * Converts weights between .pth and .safetensors, by the extension of `output`, with names changed on the way; or into a
 * checkpoint of this package, where `model` or `torchscript` says of what. The output is written atomically.
 *
 * @param input a .pth or .safetensors file, a TorchScript file with `torchscript`, or 'imagenet' with `model`
 * @throws DenseHybridError INVALID_ARGUMENT, also where the output exists; NOT_FOUND, INVALID_FILE, IO;
 * ARCHITECTURE_MISMATCH where the weights do not belong to the model; ABORTED
 */
export async function convertWeights(
  input: string,
  output: string,
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  if (typeof input !== 'string' || input === '') throw invalid('input', 'the path of a weight file', input)
  checkOptionNames('convertWeights', options, OPTION_NAMES)
  const format = await checkOutput(input, output, options)
  const { model, torchscript } = options
  if (model === undefined && torchscript === undefined) return convertPlain(input, output, format, options)
  if (format !== 'safetensors')
    throw invalid('output', 'a path that ends with .safetensors (a checkpoint)', output)
  for (const name of ['strip', 'prefix'] as const) {
    if (options[name] !== undefined)
      throw invalid(name, 'nothing: names are matched with the model automatically', options[name])
  }
  const segmenter =
    torchscript === undefined
      ? await Segmenter.create({
          ...(model as SegmenterOptions),
          weights: input,
          ...(options.key !== undefined && { weightsKey: options.key }),
        })
      : await Segmenter.fromTorchScript(input, torchscript)
  try {
    await segmenter.save(output)
    const { weightsReport: weights } = segmenter
    return { ...(await describe(output, 'checkpoint')), ...(weights && { weights }) }
  } finally {
    segmenter.dispose()
  }
}

async function convertPlain(
  input: string,
  output: string,
  format: 'safetensors' | 'pth',
  { key, strip = '', prefix = '', signal }: ConvertOptions,
): Promise<ConvertReport> {
  if (await isTorchScript(input)) {
    throw invalid(
      'input',
      'weights',
      input,
      'It is a TorchScript module: say which classes it knows, and it becomes a checkpoint.',
    )
  }
  const native = loadNative()
  const file = await openWeightsFile(native, input, {
    ...(key !== undefined && { key }),
    ...(signal && { signal }),
  })
  const renamed = new Map<string, string>()
  for (const { name } of file.tensors) {
    const bare = strip !== '' && name.startsWith(strip) ? name.slice(strip.length) : name
    const to = prefix + bare
    const other = [...renamed].find(([, taken]) => taken === to)
    if (other !== undefined)
      throw invalid(
        'strip',
        `a prefix that leaves names different (${other[0]} and ${name} both become ${to})`,
        strip,
      )
    renamed.set(name, to)
  }
  if (strip !== '' && !file.tensors.some(({ name }) => name.startsWith(strip))) {
    throw invalid('strip', `the beginning of names such as ${file.tensors[0]?.name ?? 'none'}`, strip)
  }
  // What a file says about itself holds as long as its tensors keep their names.
  const metadata = strip === '' && prefix === '' ? { ...file.metadata } : {}
  const values = await file.read([...renamed.keys()])
  const tensors = new Map<string, Tensor<TypedArray>>()
  for (const [from, to] of renamed) tensors.set(to, values.get(from) as Tensor<TypedArray>)
  if (format === 'pth') await writePth(output, tensors)
  else await withCancel(signal, () => native.writeSafetensors(output, Object.fromEntries(tensors), metadata))
  const written = await describe(output, format)
  const types = count(file.tensors.map(({ dtype }) => dtype))
  return { ...written, dtypes: types, widened: Object.keys(types).flatMap((type) => WIDENED[type] ?? []) }
}

/** What is in a file that was written. */
async function describe(path: string, format: ConvertReport['format']): Promise<ConvertReport> {
  const { tensors } = await openWeightsFile(loadNative(), path)
  const values = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  const bytes = tensors.reduce((sum, { shape, dtype }) => sum + elementCount(shape) * bytesOf(dtype), 0)
  return {
    output: path,
    format,
    tensors: tensors.length,
    values,
    bytes,
    dtypes: count(tensors.map(({ dtype }) => dtype)),
    widened: [],
  }
}

async function checkOutput(
  input: string,
  output: unknown,
  { overwrite = false }: ConvertOptions,
): Promise<'safetensors' | 'pth'> {
  const extension = typeof output === 'string' ? extname(output).toLowerCase() : ''
  if (typeof output !== 'string' || !['.safetensors', '.pth', '.pt'].includes(extension)) {
    throw invalid('output', 'a path that ends with .safetensors or .pth', output)
  }
  if (input !== IMAGENET && resolve(input) === resolve(output))
    throw invalid('output', 'another file than the input', output)
  const exists = await access(output).then(
    () => true,
    () => false,
  )
  if (exists && !overwrite) {
    throw new DenseHybridError('INVALID_ARGUMENT', `${output} exists already.`, {
      hint: 'Choose another name, or set overwrite (--overwrite).',
    })
  }
  return extension === '.safetensors' ? 'safetensors' : 'pth'
}

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Of a type's name, e.g. 4 for F32. */
function bytesOf(dtype: string): number {
  const bits = Number(/\d+$/.exec(dtype)?.[0] ?? 8)
  return bits / 8
}
