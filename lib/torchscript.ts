import { z } from 'zod'
import type { NativeAddon, NativeModelConfig, NativeScriptedReport } from './binding/native.ts'
import { DenseHybridError } from './errors.ts'
import { checkDevice, checkTriple, classNames } from './model-settings.ts'
import type { Colour } from './palette.ts'
import { checkSize } from './scores.ts'
import type { ResolvedTrainerOptions } from './training/options.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from './validate.ts'

/** Architecture name of imported modules. */
export const TORCHSCRIPT = 'torchscript'

/** How to read an imported module: what it expects, and where its outputs are. */
export interface TorchScriptOptions {
  /** Names of the classes that the module was trained on, in its order, or their number K. */
  readonly classes: number | readonly string[]
  /**
   * Where the logits N×K×h×w are: key of a dict, or index of a tuple or list. Default: the only tensor, or the key
   * `logits` or `out`.
   */
  readonly logits?: string | number
  /**
   * Where the features N×C×h×w for the open-set head are: key, index, or the path of a submodule whose output is taken,
   * e.g. `decoder.conv2`. Absent: the head sits on the logits.
   */
  readonly features?: string | number
  /** Per channel, of RGB scaled to [0, 1]; ImageNet's by default. For values of 0 … 255: mean 0, std 1/255. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Order of the channels that the module expects. Default rgb. */
  readonly channels?: 'rgb' | 'bgr'
  /** Images are padded to multiples of it (their border is repeated). Default: found by trying 1, 8, 16 … 128. */
  readonly padTo?: number
  /** Height and width of a module that takes one size alone: images are resized to it. */
  readonly inputSize?: readonly [number, number]
  /** Of the resizing of the logits to the image. Default false. */
  readonly alignCorners?: boolean
  /** 'cpu' (default), 'cuda' or 'cuda:1'. */
  readonly device?: string
  /** One colour for every class, for label maps and overlays. Default: known classes have theirs, others distinct ones. */
  readonly palette?: readonly Colour[]
  /** Of the open-set head's initial weights. Default 0. */
  readonly seed?: number
}

/** What a few runs of an imported module showed. */
export type TorchScriptReport = Readonly<NativeScriptedReport>

const OPTION_NAMES = [
  'classes',
  'logits',
  'features',
  'mean',
  'std',
  'channels',
  'padTo',
  'inputSize',
  'alignCorners',
  'device',
  'palette',
  'seed',
] as const satisfies readonly (keyof TorchScriptOptions)[]

// Of torchvision's weights, with which most backbones began.
const IMAGENET_MEAN = [0.485, 0.456, 0.406]
const IMAGENET_STD = [0.229, 0.224, 0.225]

// Far above any network's; larger ones would ask for more memory than there is.
const MOST_PADDING = 1024
const MOST_ROWS = 8192

const rows = z.number().int().min(1).max(MOST_ROWS).optional()

const storedSchema = z.strictObject({
  logits: z.string().optional(),
  features: z.string().optional(),
  channels: z.enum(['rgb', 'bgr']),
  padTo: z.number().int().min(1).max(MOST_PADDING),
  inputHeight: rows,
  inputWidth: rows,
  alignCorners: z.boolean(),
})

/** The native configuration of an imported module. Throws INVALID_ARGUMENT naming the option. */
export function torchScriptConfig(native: NativeAddon, options: TorchScriptOptions): NativeModelConfig {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object with classes', options)
  checkOptionNames('Segmenter.fromTorchScript', options, OPTION_NAMES)
  if (options.classes === undefined) {
    throw invalid(
      'classes',
      'the names of the classes that the module was trained on, or their number',
      options.classes,
    )
  }
  const settings: NativeModelConfig['options'] = {}
  const logits = place('logits', options.logits)
  const features = place('features', options.features)
  if (logits !== undefined) settings.logits = logits
  if (features !== undefined) settings.features = features
  settings.channels = checkOneOf('channels', options.channels ?? 'rgb', ['rgb', 'bgr'])
  settings.padTo = checkInteger(
    'padTo',
    options.padTo ?? 0,
    options.padTo === undefined ? 0 : 1,
    MOST_PADDING,
  )
  if (options.inputSize !== undefined) {
    const [height, width] = checkSize('inputSize', options.inputSize)
    checkInteger('inputSize[0]', height, 1, MOST_ROWS)
    checkInteger('inputSize[1]', width, 1, MOST_ROWS)
    settings.inputHeight = height
    settings.inputWidth = width
    if (options.padTo !== undefined) throw invalid('padTo', 'nothing, as inputSize is given', options.padTo)
  }
  const alignCorners: unknown = options.alignCorners ?? false
  if (typeof alignCorners !== 'boolean') throw invalid('alignCorners', 'true or false', alignCorners)
  settings.alignCorners = alignCorners
  const mean = checkTriple('mean', options.mean ?? IMAGENET_MEAN, -Infinity)
  const std = checkTriple('std', options.std ?? IMAGENET_STD, Number.MIN_VALUE)
  return {
    architecture: TORCHSCRIPT,
    classes: classNames(options.classes).length,
    options: settings,
    mean: [...mean],
    std: [...std],
    seed: checkInteger('seed', options.seed ?? 0, 0),
    device: checkDevice(native, options.device ?? 'cpu'),
  }
}

/** Checks what a checkpoint says about its imported module. Throws INVALID_FILE naming the field. */
export function checkStoredSettings(options: NativeModelConfig['options'], path: string): void {
  const { success, error } = storedSchema.safeParse(options)
  const sides = ['inputHeight', 'inputWidth'].filter((name) => name in options)
  if (success && sides.length !== 1) return
  const [issue] = error?.issues ?? []
  const reason =
    issue === undefined
      ? `field "options": ${sides[0]} alone, where height and width belong together`
      : `field "${['options', ...issue.path].join('.')}": ${issue.message}`
  throw new DenseHybridError('INVALID_FILE', `${path} is a damaged checkpoint: ${reason}.`, {
    hint: 'If a newer version wrote it: update densehybrid.',
    cause: error,
  })
}

/** Imported modules run in float32 alone: their code may name dtypes. */
export function checkTorchScriptPrecision(precision: unknown): void {
  if (precision === undefined || precision === 'float32') return
  throw new DenseHybridError('INVALID_ARGUMENT', 'Imported TorchScript modules run in float32 only.', {
    hint: 'Leave precision out, or pass --precision float32.',
  })
}

/**
 * Checks that training an imported module as asked for would train something, and that its gradients reach what is not
 * frozen. Throws INVALID_ARGUMENT.
 */
export function checkTorchScriptTraining(
  options: Pick<ResolvedTrainerOptions, 'objective' | 'freeze' | 'precision'>,
  report: TorchScriptReport | undefined,
): void {
  const { objective, freeze, precision } = options
  checkTorchScriptPrecision(precision)
  if (freeze !== 'nothing') {
    if (objective === 'hybrid') return
    throw invalid(
      'freeze',
      'nothing (the closed-set objective trains nothing else of an imported module)',
      freeze,
    )
  }
  if (report?.trainable !== false) return
  throw new DenseHybridError(
    'INVALID_ARGUMENT',
    'No gradient reaches the weights of this imported module: its code computes without gradients.',
    { hint: "Train the open-set head alone: objective 'hybrid' with freeze 'all-but-head'." },
  )
}

function place(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return String(checkInteger(name, value, 0, 999))
  if (typeof value === 'string' && value !== '') return value
  throw invalid(name, 'a key, an index or the path of a submodule', value)
}
