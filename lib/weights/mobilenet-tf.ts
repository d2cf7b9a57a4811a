/**
 * MobileNetV2 as TensorFlow's object-detection models store it once BatchNorm is folded into the convolutions:
 * `features.0`, `features.N.{expand,depthwise,project}`, `features.18`, each with `weight` and `bias`.
 */
const TF_NAME = /^features\.(\d+)\.(?:(expand|depthwise|project)\.)?(weight|bias)$/

/** Place of each convolution in an inverted residual of torchvision's layout; the first block has no expansion. */
const PLACE = { expand: '0.0', depthwise: '1.0', project: '2' } as const
const PLACE_FIRST = { depthwise: '0.0', project: '1' } as const

/** What a model must be created with for these weights. */
export const MOBILENET_TF_SETTINGS = {
  architecture: 'ladder-mobilenetv2',
  /** TensorFlow's SAME padding is asymmetric at stride 2; the BatchNorms are inside the convolutions. */
  options: { padding: 'same', batchNorm: false },
  /** RGB / 127.5 − 1 */
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
} as const

/** Is this the list of tensor names of such a file? */
export function isMobileNetTf(names: Iterable<string>): boolean {
  const set = new Set(names)
  return (
    set.has('features.0.weight') &&
    set.has('features.1.depthwise.weight') &&
    set.has('features.2.expand.bias')
  )
}

/**
 * The state-dict name of the model for a tensor of such a file, e.g. `features.2.expand.weight` →
 * `backbone.features.2.conv.0.0.weight`; `undefined` for a name that does not follow the layout.
 */
export function mobileNetTfName(name: string): string | undefined {
  const match = TF_NAME.exec(name)
  if (match === null) return undefined
  const [, number, part, kind] = match
  const root = `backbone.features.${number}`
  if (part === undefined) return number === '0' || number === '18' ? `${root}.0.${kind}` : undefined
  const places: Partial<Record<string, string>> = number === '1' ? PLACE_FIRST : PLACE
  const place = places[part]
  return place === undefined ? undefined : `${root}.conv.${place}.${kind}`
}
