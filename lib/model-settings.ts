import type { NativeAddon, NativeArchitecture, NativeModelConfig, Precision } from './binding/native.ts'
import { DenseHybridError } from './errors.ts'
import { type Colour, checkPalette } from './palette.ts'
import { checkInteger, checkNumber, checkOneOf, checkOptionNames, invalid } from './validate.ts'
import type { WeightsSettings } from './weights/load-weights.ts'

/** How to build a new model. */
export interface SegmenterOptions {
  /** See `architectures()`, or `densehybrid models`. */
  readonly architecture: string
  /** Names of the known classes (index = label), or their number K, 1 … 254. */
  readonly classes: number | readonly string[]
  /** One colour [red, green, blue], 0 … 255, for every class. Default: distinct ones, decided by the names. */
  readonly palette?: readonly Colour[]
  /** 'cpu' (default), 'cuda' or 'cuda:1'. */
  readonly device?: string
  /** Of activations in `forward` and `segment`. Default float32. */
  readonly precision?: Precision
  /** Of the initial weights. Default 0. */
  readonly seed?: number
  /**
   * A .safetensors or .pth file of the backbone or of a whole model; what it lacks keeps its initial value. 'imagenet':
   * torchvision's published weights of the backbone, fetched once into the cache.
   */
  readonly weights?: string
  /** The entry of a .pth checkpoint that holds the weights. Default: found automatically. */
  readonly weightsKey?: string
  /** What tensors of another shape in `weights` are (another number of classes): an error (default), or left out. */
  readonly mismatched?: 'error' | 'skip'
  /** Called while `weights: 'imagenet'` downloads, with the bytes so far and those of the file where they are known. */
  readonly onDownload?: (bytes: number, total: number | undefined) => void
  /** Of the architecture, e.g. { padding: 'same', batchNorm: false }. Default: what `weights` needs. */
  readonly options?: Readonly<Record<string, string | number | boolean>>
  /** Per channel, of RGB scaled to [0, 1]. Default: what `weights` needs, else the architecture's. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

const OPTION_NAMES = [
  'architecture',
  'classes',
  'palette',
  'device',
  'precision',
  'seed',
  'weights',
  'weightsKey',
  'mismatched',
  'onDownload',
  'options',
  'mean',
  'std',
] as const satisfies readonly (keyof SegmenterOptions)[]

/** Checks the options of a new model, as far as that needs no weight file. Throws INVALID_ARGUMENT. */
export function checkSegmenterOptions(native: NativeAddon, options: SegmenterOptions): void {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object with architecture and classes', options)
  checkOptionNames('Segmenter.create', options, OPTION_NAMES)
  const architectures = native.architectures()
  const name = checkOneOf(
    'architecture',
    options.architecture,
    architectures.map((a) => a.name),
  )
  const { length } = classNames(options.classes)
  if (options.palette !== undefined) checkPalette(options.palette, length)
  checkDevice(native, options.device ?? 'cpu')
  checkPrecision(options.precision)
  checkInteger('seed', options.seed ?? 0, 0)
  if (options.weights !== undefined && (typeof options.weights !== 'string' || options.weights === ''))
    throw invalid('weights', "the path of a .safetensors or .pth file, or 'imagenet'", options.weights)
  checkOneOf('mismatched', options.mismatched ?? 'error', ['error', 'skip'])
  const architecture = architectures.find((a) => a.name === name) as NativeArchitecture
  checkArchitectureOptions(architecture, options.options ?? {})
  if (options.mean !== undefined) checkTriple('mean', options.mean, -Infinity)
  if (options.std !== undefined) checkTriple('std', options.std, Number.MIN_VALUE)
}

/**
 * The native configuration of a new model: what the caller set, else what the weight file needs, else the
 * architecture's defaults.
 *
 * @throws DenseHybridError ARCHITECTURE_MISMATCH where the weight file belongs to another architecture
 */
export function resolveConfig(
  native: NativeAddon,
  options: SegmenterOptions,
  weights: WeightsSettings,
): NativeModelConfig {
  if (weights.architecture !== undefined && weights.architecture !== options.architecture) {
    throw new DenseHybridError(
      'ARCHITECTURE_MISMATCH',
      `${options.weights} holds weights for architecture ${weights.architecture}, not ${options.architecture}.`,
      { hint: `Set architecture: '${weights.architecture}'.` },
    )
  }
  const known = native.architectures().find((a) => a.name === options.architecture) as NativeArchitecture
  return {
    architecture: options.architecture,
    classes: classNames(options.classes).length,
    options: { ...known.options, ...weights.options, ...options.options },
    mean: [...(options.mean ?? weights.mean ?? known.mean)],
    std: [...(options.std ?? weights.std ?? known.std)],
    seed: options.seed ?? 0,
    device: options.device ?? 'cpu',
  }
}

/** The names of K classes: as given, or "class 0" … for a number. Throws INVALID_ARGUMENT. */
export function classNames(classes: unknown): string[] {
  if (typeof classes === 'number') {
    const count = checkInteger('classes', classes, 1, 254)
    return Array.from({ length: count }, (_, i) => `class ${i}`)
  }
  if (!Array.isArray(classes))
    throw invalid('classes', 'a number from 1 to 254 or an array of names', classes)
  checkInteger('classes.length', classes.length, 1, 254)
  for (const [i, name] of classes.entries()) {
    if (typeof name !== 'string' || name === '') throw invalid(`classes[${i}]`, 'a name', name)
    if (classes.indexOf(name) !== i) throw invalid(`classes[${i}]`, 'names that occur once', name)
  }
  return [...classes]
}

/** Checks a device name, and that the device exists. */
export function checkDevice(native: NativeAddon, device: unknown): string {
  const match = typeof device === 'string' ? /^(cpu|cuda(?::(\d+))?)$/.exec(device) : null
  if (match === null) throw invalid('device', "'cpu', 'cuda' or 'cuda:<index>'", device)
  if (match[1] === 'cpu') return match[1]
  const index = Number(match[2] ?? 0)
  const found = native.info().devices.filter(({ type }) => type === 'cuda')
  if (found.some((candidate) => candidate.index === index)) return match[1]
  throw invalid(
    'device',
    found.length === 0 ? "'cpu' (no CUDA device was found)" : `a CUDA device below ${found.length}`,
    device,
    'Run densehybrid doctor to see the devices.',
  )
}

/** Checks a precision; default float32. */
export function checkPrecision(precision: unknown): Precision {
  return checkOneOf('precision', precision ?? 'float32', ['float32', 'bf16'])
}

function checkArchitectureOptions(architecture: NativeArchitecture, options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object of architecture options', options)
  checkOptionNames(architecture.name, options, Object.keys(architecture.options))
  for (const [name, value] of Object.entries(options)) {
    const expected = typeof architecture.options[name]
    if (typeof value !== expected) throw invalid(`options.${name}`, `a ${expected}`, value)
  }
}

/** Checks three numbers, each at least `min`. */
export function checkTriple(name: string, values: unknown, min: number): readonly number[] {
  if (!Array.isArray(values) || values.length !== 3)
    throw invalid(name, 'three numbers (red, green, blue)', values)
  for (const [i, value] of values.entries()) checkNumber(`${name}[${i}]`, value, min)
  return values
}
