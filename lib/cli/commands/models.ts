import type { NativeArchitecture } from '../../binding/native.ts'
import type { ModelProfile } from '../../model-profile.ts'
import { nearest } from '../../validate.ts'
import { defineCommand } from '../command.ts'
import { assignments, choice, integer, size } from '../flags.ts'
import { formatTable } from '../ui.ts'
import { UsageError } from '../usage-error.ts'

/** The command `models`. */
export const command = defineCommand({
  name: 'models',
  summary: 'The architectures: parameters, GFLOPs, stride and memory.',
  usage: '[NAME…] [options]',
  examples: ['models', 'models deeplabv3plus-wrn38 --size 720x1280 --crop 512 --batch 4'],
  inputs: { min: 0, max: 100, name: 'names of architectures' },
  flags: {
    classes: integer(1, 254, { default: 19 }),
    option: assignments('NAME=VALUE'),
    size: size({ default: [1024, 2048] }),
    crop: size({ default: [768, 768] }),
    batch: integer(2, 4096, { default: 8 }),
    checkpointing: choice(['auto', 'on', 'off'], { default: 'auto', placeholder: 'WHEN' }),
  },
  help: [
    ['classes,option', 'number of classes ({classes}); options of the network'],
    ['size', 'image to be scored, height × width ({size})'],
    ['crop,batch', 'of a training step ({crop}, {batch})'],
    ['checkpointing', 'auto, on, off: recompute activations ({checkpointing})'],
  ],
  async run(options, names, { ui }) {
    const { architectures } = await import('../../runtime.ts')
    const { profileModel } = await import('../../model-profile.ts')
    const known = architectures()
    const chosen = names.length === 0 ? known : names.map((name) => find(name, known))
    const { classes, size, crop, batch: batchSize, option } = options
    const checkpointing = options.checkpointing
    const profiles: ModelProfile[] = []
    for (const { name: architecture, options: has } of chosen) {
      // An option of some architectures holds for these; one that none of them has is misuse.
      const own = Object.fromEntries(Object.entries(option ?? {}).filter(([key]) => key in has))
      profiles.push(
        await profileModel({
          architecture,
          classes,
          options: own,
          size,
          crop,
          batchSize,
          gradientCheckpointing: checkpointing === 'auto' ? 'auto' : checkpointing === 'on',
        }),
      )
    }
    for (const key of Object.keys(option ?? {})) {
      if (!chosen.some(({ options: has }) => key in has))
        throw new UsageError(`none of ${chosen.map(({ name }) => name).join(', ')} has an option ${key}`)
    }
    if (options.json) {
      ui.json(profiles)
      return undefined
    }
    const image = size.join('×')
    const step = `${batchSize}×${crop.join('×')}`
    ui.result(
      formatTable(
        ['architecture', 'M params', 'GFLOPs', 'stride', 'score GiB', 'train GiB', 'imagenet'],
        profiles.map(row),
      ),
    )
    ui.result('')
    ui.result(`GFLOPs and memory of scoring: one image of ${image}; a multiply-add counts as two.`)
    ui.result(`Training: steps of ${step} in float32 with Adam; * recomputes activations.`)
    ui.result('Memory is that of weights and maps, layer by layer; fused layers on the CPU take less.')
    const withOptions = chosen.filter((one) => Object.keys(one.options).length > 0)
    for (const { name, options: has } of withOptions) {
      const list = Object.entries(has).map(([key, value]) => `${key}=${value}`)
      ui.result(`${name}: --option ${list.join(' --option ')}`)
    }
    return undefined
  },
})

function row(profile: ModelProfile): string[] {
  const { architecture, parameters, flops, stride, inferenceBytes, trainingBytes } = profile
  const gibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1)
  return [
    architecture,
    (parameters / 1e6).toFixed(1),
    (flops / 1e9).toFixed(0),
    String(stride),
    gibibytes(inferenceBytes),
    gibibytes(trainingBytes) + (profile.gradientCheckpointing ? '*' : ''),
    profile.backbone ?? '–',
  ]
}

function find(name: string, known: readonly NativeArchitecture[]): NativeArchitecture {
  const found = known.find((one) => one.name === name)
  if (found !== undefined) return found
  const near = nearest(
    name,
    known.map((one) => one.name),
  )
  throw new UsageError(
    `unknown architecture ${name}.${near ? ` Did you mean ${near}?` : ' densehybrid models lists them.'}`,
  )
}
