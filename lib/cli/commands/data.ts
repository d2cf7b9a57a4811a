import type { DatasetCheck } from '../../data/check.ts'
import { nearest } from '../../validate.ts'
import { defineCommand } from '../command.ts'
import { formatTable } from '../ui.ts'
import { EXIT, UsageError } from '../usage-error.ts'

/** The command `data`. */
export const command = defineCommand({
  name: 'data',
  summary: 'Counts, label histogram, sizes and unreadable files of a data set.',
  usage: 'check SPEC',
  examples: [
    'data check "camvid:CamVid?split=train,val"',
    'data check "folder:photos?images=rgb&labels=gt&mapping=names.json"',
  ],
  inputs: { min: 2, max: 2, name: 'check and a SPEC: densehybrid data check SPEC' },
  flags: {},
  details: [
    'SPEC, as all commands take it, is scheme:path?key=value&key=value:',
    '  camvid:DIR?split=train,val              CamVid, 11 classes',
    '  folder:DIR?images=…&labels=…&mapping=F  any folder; F is a JSON of names',
    '  anomaly:DIR?images=…&masks=…            masks: 0 inlier, 1 anomaly, 255',
    '  scenes:test?seed=1&length=60            the embedded street scenes',
    'Keys of all: hold-out=Car,Bicyclist held-out=ignore|unknown limit=N',
    '  size=640x360 (width × height)',
    'Negatives: folder:DIR?labels=…&instances=…&mapping=F&skip=car&mode=instance,',
    '  scenes:?seed=1',
  ],
  help: [],
  async run(options, [action, spec], { ui, signal }) {
    if (action !== 'check') {
      const near = nearest(action, ['check'])
      throw new UsageError(
        `unknown action ${action} of data.${near ? ` Did you mean ${near}?` : ' It has: check.'}`,
      )
    }
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
  },
})

function formatCheck({ name, length, classes, labelHistogram, imageHistogram, sizes }: DatasetCheck): string {
  const total = Object.values(labelHistogram).reduce((sum, count) => sum + count, 0)
  const rows = Object.entries(labelHistogram).map(([label, pixels]) => [
    label,
    total === 0 ? '–' : ((100 * pixels) / total).toFixed(3),
    String(imageHistogram[label] ?? 0),
  ])
  const range = sizes && `${sizes.min.width}×${sizes.min.height}`
  const largest = sizes && `${sizes.max.width}×${sizes.max.height}`
  const extent = sizes === undefined ? '' : range === largest ? `, ${range}` : `, ${range} to ${largest}`
  return `${name}: ${length} images, ${classes.length} classes${extent}\n\n${formatTable(['label', 'pixels %', 'images'], rows)}`
}
