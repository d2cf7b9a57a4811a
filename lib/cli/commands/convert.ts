import type { ConvertOptions, ConvertReport } from '../../weights/convert.ts'
import { defineCommand } from '../command.ts'
import { assignments, choice, text, toggle, triple, words } from '../flags.ts'
import { UsageError } from '../usage-error.ts'

/** The command `convert`. */
export const command = defineCommand({
  name: 'convert',
  summary: 'Weights in and out: .pth, .safetensors, checkpoints, TorchScript.',
  usage: 'IN OUT [options]',
  examples: [
    'convert model.safetensors weights.pth',
    'convert net.pth net.safetensors --strip module.',
    'convert imagenet rn.safetensors --architecture ladder-resnet18 \\',
    '    --classes road,car,sky',
    'convert net.pt ckpt.safetensors --classes road,car --features body',
  ],
  inputs: { min: 2, max: 2, name: 'IN and OUT: densehybrid convert weights.pth weights.safetensors' },
  flags: {
    key: text('NAME'),
    strip: text('PREFIX'),
    prefix: text('PREFIX'),
    architecture: text('NAME'),
    classes: words('NAMES'),
    option: assignments('NAME=VALUE'),
    skipMismatched: toggle(),
    logits: text('KEY'),
    features: text('KEY'),
    channels: choice(['rgb', 'bgr'], { default: 'rgb', placeholder: 'ORDER' }),
    mean: triple(),
    std: triple(),
    overwrite: toggle(),
  },
  help: [
    ['key', 'entry of a .pth checkpoint that holds the weights'],
    ['strip,prefix', 'taken from, then put before names'],
    ['architecture', 'write a checkpoint of it; IN may be imagenet'],
    ['option', 'of the architecture'],
    ['classes', 'of a checkpoint: their names, or their number'],
    ['skipMismatched', 'leave out tensors of another shape'],
    ['logits,features', 'of TorchScript: key, index or submodule'],
    ['channels', 'of TorchScript: rgb or bgr ({channels})'],
    ['mean,std', 'per channel of RGB in 0 … 1, of a checkpoint'],
    ['overwrite', 'replace OUT'],
  ],
  async run(options, [input, output], { ui, signal }) {
    const { convertWeights } = await import('../../weights/convert.ts')
    const { isTorchScript } = await import('../../torchscript-file.ts')
    const module = input !== 'imagenet' && (await isTorchScript(input))
    const report = await convertWeights(input, output, { ...target(options, module), signal })
    if (options.json) ui.json(report)
    else ui.result(format(report))
    return undefined
  },
})

/** What the flags ask for; throws UsageError for flags that do not go together. */
function target(
  options: {
    key: string | undefined
    strip: string | undefined
    prefix: string | undefined
    architecture: string | undefined
    classes: string[]
    option: Record<string, string | number | boolean> | undefined
    skipMismatched: boolean
    logits: string | undefined
    features: string | undefined
    channels: 'rgb' | 'bgr'
    mean: readonly number[] | undefined
    std: readonly number[] | undefined
    overwrite: boolean
  },
  module: boolean,
): ConvertOptions {
  const { key, strip, prefix, architecture, overwrite, mean, std } = options
  const classes =
    options.classes.length === 1 && /^\d+$/.test(options.classes[0])
      ? Number(options.classes[0])
      : options.classes
  const has = options.classes.length > 0
  const normalisation = { ...(mean && { mean }), ...(std && { std }) }
  if (module) {
    if (architecture !== undefined)
      throw new UsageError('--architecture does not go with a TorchScript module')
    if (!has)
      throw new UsageError(
        'IN is a TorchScript module: --classes is needed, the names or the number of its classes',
      )
    const { logits, features, channels } = options
    const places = {
      ...(logits && { logits: place(logits) }),
      ...(features && { features: place(features) }),
    }
    return { torchscript: { classes, channels, ...places, ...normalisation }, overwrite }
  }
  for (const name of ['logits', 'features'] as const) {
    if (options[name] !== undefined)
      throw new UsageError(`--${name} is for TorchScript modules, and IN is none`)
  }
  if (architecture === undefined) {
    if (has || Object.keys(options.option ?? {}).length > 0 || options.skipMismatched || mean || std)
      throw new UsageError('--classes, --option, --mean, --std and --skip-mismatched need --architecture')
    return { ...(key && { key }), ...(strip && { strip }), ...(prefix && { prefix }), overwrite }
  }
  if (!has) throw new UsageError('--architecture needs --classes, the names of the classes or their number')
  return {
    ...(key && { key }),
    ...(strip && { strip }),
    ...(prefix && { prefix }),
    model: {
      architecture,
      classes,
      ...(options.option && { options: options.option }),
      ...normalisation,
      mismatched: options.skipMismatched ? 'skip' : 'error',
    },
    overwrite,
  }
}

function place(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text
}

function format(report: ConvertReport): string {
  const { output, format: kind, tensors, values, bytes, dtypes, widened, weights } = report
  const types = Object.entries(dtypes).map(([dtype, number]) => `${number} ${dtype}`)
  const lines = [
    `${output}: ${kind}, ${tensors} tensors, ${(values / 1e6).toFixed(2)} M values, ${(bytes / 2 ** 20).toFixed(1)} MiB (${types.join(', ')})`,
  ]
  if (widened.length > 0) lines.push(`Widened: ${widened.join(', ')}`)
  if (weights !== undefined) {
    lines.push(`Loaded: ${weights.loaded} tensors`)
    const shapes = weights.mismatched.map(({ name, file, model }) => `${name} [${file}] for [${model}]`)
    for (const [title, names] of [
      ['Missing, so initialised at random', weights.missing],
      ['Unexpected, so left out', weights.unexpected],
      ['Head of a classifier, left out', weights.ignored],
      ['Of another shape, so left out', shapes],
    ] as const) {
      if (names.length > 0)
        lines.push(
          `${title}: ${names.length} (${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''})`,
        )
    }
  }
  return lines.join('\n')
}
