import { access } from 'node:fs/promises'
import type { DatasetCheck } from '../../data/check.ts'
import { nearest } from '../../validate.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { integer, text, toggle, type Values } from '../flags.ts'
import { formatTable } from '../ui.ts'
import { EXIT, UsageError } from '../usage-error.ts'

const FLAGS = {
  out: text('FILE'),
  images: integer(1, 1000, { default: 12 }),
  seed: integer(0, 2 ** 31 - 1, { default: 0 }),
  overwrite: toggle(),
}

type Options = Values<typeof FLAGS> & { json?: boolean }
type Action = (options: Options, target: string | undefined, context: CommandContext) => Promise<number>

const ACTIONS: Readonly<Record<string, Action>> = { list, check, preview }

/** The command `data`. */
export const command = defineCommand({
  name: 'data',
  summary: 'Data sets: which there are, what is in one, how it looks.',
  usage: 'list [NAME] | check SPEC | preview SPEC --out FILE',
  examples: [
    'data list            (data list cityscapes: all about one)',
    'data check "camvid:CamVid?split=train,val"',
    'data preview "cityscapes:/data/city?split=val" --out city.png',
  ],
  inputs: { min: 1, max: 2, name: 'list, check or preview' },
  flags: FLAGS,
  details: [
    'SPEC, as all commands take it, is scheme:path?key=value&key=value:',
    '  cityscapes:DIR?split=val                published sets, see data list',
    '  folder:DIR?images=…&labels=…&mapping=F  any folder; F is a JSON of names',
    '  anomaly:DIR?images=…&masks=…            masks: 0 inlier, 1 anomaly, 255',
    '  scenes:test?seed=1&length=60            the embedded street scenes',
    'Keys of all: hold-out=Car,Bicyclist held-out=ignore|unknown limit=N',
    '  ids=FILE (some items, an id a line) size=640x360 (width × height)',
    'Negatives: ade20k:DIR coco-stuff:DIR folder:DIR?labels=…&mapping=F scenes:',
    '  and skip=car mode=rectangle,segments,instance crop-size=384',
  ],
  help: [
    ['out', 'of preview: a PNG of images with their labels'],
    ['images,seed', 'of preview: how many ({images}), and which'],
    ['overwrite', 'of preview: replace FILE'],
  ],
  async run(options, [action, target], context) {
    if (Object.hasOwn(ACTIONS, action)) return ACTIONS[action](options, target, context)
    const names = Object.keys(ACTIONS)
    const near = nearest(action, names)
    throw new UsageError(
      `unknown action ${action} of data.${near ? ` Did you mean ${near}?` : ` It has: ${names.join(', ')}.`}`,
    )
  },
})

async function list(options: Options, name: string | undefined, { ui }: CommandContext): Promise<number> {
  const { listDatasets } = await import('../../data/describe-schemes.ts')
  const { formatDataset, formatDatasets } = await import('../data-table.ts')
  const all = listDatasets()
  if (name === undefined) {
    if (options.json) ui.json(all)
    else ui.result(formatDatasets(all))
    ui.note('\nNext: densehybrid data list NAME')
    return EXIT.done
  }
  const one = all.find(({ scheme }) => scheme === name)
  if (one === undefined) {
    const near = nearest(
      name,
      all.map(({ scheme }) => scheme),
    )
    throw new UsageError(`unknown data set ${name}.${near ? ` Did you mean ${near}?` : ' See data list.'}`)
  }
  if (options.json) ui.json(one)
  else ui.result(formatDataset(one))
  return EXIT.done
}

async function check(
  options: Options,
  spec: string | undefined,
  { ui, signal }: CommandContext,
): Promise<number> {
  if (spec === undefined) throw new UsageError('data check needs a SPEC')
  const { openDataset } = await import('../../data/registry.ts')
  const { checkDataset } = await import('../../data/check.ts')
  const dataset = await openDataset(spec, { signal })
  const progress = ui.progress('data check', dataset.length, 'images')
  const found = await checkDataset(dataset, { signal, onProgress: ({ done }) => progress.update(done) })
  progress.stop()
  if (options.json) ui.json(found)
  else ui.result(formatCheck(found))
  for (const warning of found.warnings) ui.warn(warning)
  if (found.firstUnreadable === undefined) return EXIT.done
  const { index, message } = found.firstUnreadable
  ui.error(
    `${found.unreadable} of ${found.length} images cannot be read`,
    `The first is item ${index}: ${message}`,
  )
  return EXIT.failed
}

async function preview(
  { out, images, seed, overwrite, json }: Options,
  spec: string | undefined,
  { ui, signal }: CommandContext,
): Promise<number> {
  if (spec === undefined) throw new UsageError('data preview needs a SPEC')
  if (out === undefined) throw new UsageError('data preview needs --out FILE')
  if (!out.toLowerCase().endsWith('.png'))
    throw new UsageError(`expected a file that ends in .png for --out but received "${out}"`)
  const isThere = await access(out).then(
    () => true,
    () => false,
  )
  if (isThere && !overwrite) throw new UsageError(`${out} exists already; replace it with --overwrite`)
  const { openDataset } = await import('../../data/registry.ts')
  const { writeImage } = await import('../../data/encode.ts')
  const { renderContactSheet } = await import('../../report/contact-sheet.ts')
  const dataset = await openDataset(spec, { signal })
  const sheet = await renderContactSheet(dataset, { count: images, seed, signal })
  await writeImage(out, sheet)
  const shown = Math.min(images, dataset.length)
  if (json) ui.json({ out, images: shown })
  else ui.result(`${out}: ${shown} of ${dataset.length} images of ${dataset.name}`)
  return EXIT.done
}

function formatCheck(found: DatasetCheck): string {
  const { name, length, officialLength, classes, labelHistogram, imageHistogram, sizes } = found
  const total = Object.values(labelHistogram).reduce((sum, count) => sum + count, 0)
  const rows = Object.entries(labelHistogram).map(([label, pixels]) => [
    label,
    total === 0 ? '–' : ((100 * pixels) / total).toFixed(3),
    String(imageHistogram[label] ?? 0),
  ])
  const range = sizes && `${sizes.min.width}×${sizes.min.height}`
  const largest = sizes && `${sizes.max.width}×${sizes.max.height}`
  const extent = sizes === undefined ? '' : range === largest ? `, ${range}` : `, ${range} to ${largest}`
  const official = officialLength === length ? ' (all that were published)' : ''
  return [
    `${name}: ${length} images${official}, ${classes.length} classes${extent}\n`,
    formatTable(['label', 'pixels %', 'images'], rows),
    ...formatFindings(found),
  ].join('\n')
}

/** What is worth knowing, and no harm by itself. */
function formatFindings({
  length,
  labelHistogram,
  unlistedLabels,
  withoutUnknown,
  duplicateStems: { count, example },
}: DatasetCheck): string[] {
  const unlisted = Object.entries(unlistedLabels).map(([value, images]) => `${value} (${images} images)`)
  const anomalies = labelHistogram.unknown > 0 && withoutUnknown > 0
  return [
    ...(anomalies
      ? [`\n${withoutUnknown} of ${length} images show nothing unknown; measures by image leave them out.`]
      : []),
    ...(unlisted.length === 0 ? [] : [`\nLabel values outside the table: ${unlisted.join(', ')}`]),
    ...(example === undefined
      ? []
      : [
          `\n${count} file ${count === 1 ? 'name occurs' : 'names occur'} more than once, e.g. ${example.images.join(' and ')}`,
        ]),
  ]
}
