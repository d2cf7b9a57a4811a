/**
 * What bf16 changes in the results of a trained model, on real images: how many labels, and how much of every score.
 *
 *   node --import=tsx bench/precision.ts --model CKPT --data SPEC [--images 50] [--threads 1]
 *
 * For the change of AP, FPR and mIoU run `densehybrid evaluate` with `--precision float32` and `--precision bf16`.
 */
import { parseArgs } from 'node:util'
import { formatTable } from '../lib/cli/ui.ts'
import { openDataset } from '../lib/data/registry.ts'
import { info, setThreads } from '../lib/runtime.ts'
import { SCORE_NAMES } from '../lib/scores.ts'
import { Segmenter } from '../lib/segmenter.ts'

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    images: { type: 'string', default: '50' },
    threads: { type: 'string' },
  },
})
if (values.model === undefined || values.data === undefined) throw new Error('--model and --data are needed')
if (values.threads !== undefined) setThreads(Number(values.threads))

const dataset = await openDataset(values.data)
const exact = await Segmenter.load(values.model)
const half = await Segmenter.load(values.model, { precision: 'bf16' })
const images = Math.min(Number(values.images), dataset.length)
let pixels = 0
let equal = 0
const difference = Object.fromEntries(SCORE_NAMES.map((name) => [name, 0]))
const spread = Object.fromEntries(SCORE_NAMES.map((name) => [name, { sum: 0, squares: 0 }]))
for (let i = 0; i < images; i++) {
  const { image } = await dataset.item(Math.floor((i * dataset.length) / images)) // spread over the whole set
  const [a, b] = [
    await exact.segment(image, { scores: SCORE_NAMES }),
    await half.segment(image, { scores: SCORE_NAMES }),
  ]
  pixels += a.labels.data.length
  a.labels.data.forEach((label, p) => {
    equal += Number(label === b.labels.data[p])
  })
  for (const name of SCORE_NAMES) {
    const other = b.scores[name].data
    a.scores[name].data.forEach((score, p) => {
      difference[name] += Math.abs(score - other[p])
      spread[name].sum += score
      spread[name].squares += score * score
    })
  }
}
exact.dispose()
half.dispose()

console.log(
  `${images} images of ${dataset.name}: ${((100 * equal) / pixels).toFixed(2)} % of the labels are equal`,
)
const rows = SCORE_NAMES.map((name) => {
  const { sum, squares } = spread[name]
  const deviation = Math.sqrt(Math.max(0, squares / pixels - (sum / pixels) ** 2))
  return [name, (difference[name] / pixels).toPrecision(3), deviation.toPrecision(3)]
})
console.log(formatTable(['score', 'mean |difference|', 'standard deviation'], rows))
console.log(`libtorch ${info().libtorch}, ${info().threads} thread(s)`)
