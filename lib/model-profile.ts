import { withCancel } from './binding/cancel.ts'
import { loadNative } from './binding/load.ts'
import type { NativeArchitecture, NativeModelProfile } from './binding/native.ts'
import { checkSegmenterOptions, resolveConfig, type SegmenterOptions } from './model-settings.ts'
import { checkSize } from './scores.ts'
import { checkInteger, checkOptionNames, invalid } from './validate.ts'

/** Which model, and for which images. */
export interface ProfileOptions {
  readonly architecture: string
  /** Number of classes, or their names. Default 19, as Cityscapes has. */
  readonly classes?: number | readonly string[]
  /** Of the architecture. */
  readonly options?: SegmenterOptions['options']
  /** Height and width of an image to be scored; one at a time. Default [1024, 2048]. */
  readonly size?: readonly [number, number]
  /** Height and width of the crops of training. Default [768, 768]. */
  readonly crop?: readonly [number, number]
  /** Crops of a training step, at least 2. Default 8. */
  readonly batchSize?: number
  /** As of the `Trainer`. Default auto. */
  readonly gradientCheckpointing?: boolean | 'auto'
}

/** What a model costs in float32, layer by layer. On the CPU, where layers are fused, scoring takes less memory. */
export interface ModelProfile extends NativeModelProfile {
  readonly architecture: string
  /** Output stride of the logits. */
  readonly stride: number
  /** Does the training step recompute activations? */
  readonly gradientCheckpointing: boolean
  /** torchvision's name of the backbone, where `weights: 'imagenet'` has weights for it. */
  readonly backbone?: string
}

const OPTION_NAMES = [
  'architecture',
  'classes',
  'options',
  'size',
  'crop',
  'batchSize',
  'gradientCheckpointing',
] as const satisfies readonly (keyof ProfileOptions)[]

/**
 * Parameters, FLOPs and memory of a model, found from the sizes of its maps alone: it takes milliseconds and no memory,
 * whatever the model.
 *
 * ```ts
 * const { trainingBytes } = await profileModel({ architecture: 'deeplabv3plus-wrn38', crop: [768, 768], batchSize: 8 })
 * ```
 *
 * @throws DenseHybridError INVALID_ARGUMENT naming the option
 */
export async function profileModel(options: ProfileOptions): Promise<ModelProfile> {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object with architecture', options)
  checkOptionNames('profileModel', options, OPTION_NAMES)
  const native = loadNative()
  const { architecture: name, classes = 19, options: own } = options
  const model: SegmenterOptions = { architecture: name, classes, ...(own && { options: own }) }
  checkSegmenterOptions(native, model)
  const [height, width] = checkSize('size', options.size ?? [1024, 2048])
  const [cropHeight, cropWidth] = checkSize('crop', options.crop ?? [768, 768])
  const images = checkInteger('batchSize', options.batchSize ?? 8, 2, 4096)
  const known = native.architectures().find((one) => one.name === name) as NativeArchitecture
  const { gradientCheckpointing: asked = 'auto' } = options
  if (asked !== 'auto' && typeof asked !== 'boolean')
    throw invalid('gradientCheckpointing', "true, false or 'auto'", asked)
  const gradientCheckpointing = asked === 'auto' ? known.checkpointing : asked
  const profile = await withCancel(undefined, () =>
    native.profileModel(resolveConfig(native, model, {}), {
      scored: { images: 1, height, width },
      trained: { images, height: cropHeight, width: cropWidth },
      checkpointing: gradientCheckpointing,
    }),
  )
  const { stride, backbone } = known
  return { architecture: name, ...profile, stride, gradientCheckpointing, ...(backbone && { backbone }) }
}
