/** Our side of bench/loader.ts, a process of its own so that its memory can be compared. */
import { createInterface } from 'node:readline'
import { timed } from '../lib/benchmark/measure.ts'
import { peakMemory, resetPeakMemory } from '../lib/benchmark/peak-memory.ts'
import { cached } from '../lib/data/cached.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../lib/data/dataset.ts'
import { folder } from '../lib/data/datasets/folder.ts'
import { type Batch, DataLoader } from '../lib/data/loader.ts'
import { real } from '../lib/negatives/real.ts'
import type { LabelledFolder, LoaderTask } from './loader.ts'

const task = JSON.parse(process.argv[2]) as LoaderTask
// As much as training keeps, of images and of negatives.
const open = async ({ root, images, labels, mapping }: LabelledFolder, bytes: number) => {
  const dataset = await folder({ root, images, labels, mapping, unlisted: 'ignore' })
  return task.keep ? cached(dataset, bytes) : dataset
}

const { batchSize, crop, scale, flip, rectangleProbability } = task
const loader = new DataLoader(await open(task.data, 2 ** 30), { batchSize, crop, scale, flip })
const negatives = real(await open(task.negatives, 2 ** 29), { rectangleProbability })
let epoch = 0

async function run(visit: (batch: Batch) => void = () => {}): Promise<void> {
  for await (const batch of loader.epoch(epoch++, { negatives })) visit(batch)
}

/** Images and size; then shares: images with a negative, pixels pasted, pixels ignored; then the mean grey value. */
async function check(): Promise<number[]> {
  let [images, size, withNegative, pasted, ignored, grey] = [0, [0, 0], 0, 0, 0, 0]
  await run(({ images: { data }, labels }) => {
    const [count, height, width] = labels.shape
    images += count
    size = [height, width]
    for (let i = 0; i < count; i++) {
      const own = labels.data.subarray(i * height * width, (i + 1) * height * width)
      if (own.includes(UNKNOWN_LABEL)) withNegative++
    }
    for (const label of labels.data) {
      if (label === UNKNOWN_LABEL) pasted++
      if (label === IGNORE_LABEL) ignored++
    }
    for (const value of data) grey += value
  })
  const pixels = images * size[0] * size[1]
  return [images, ...size, withNegative / images, pasted / pixels, ignored / pixels, grey / pixels / 3 / 255]
}

const numbers = await check()
await run()
resetPeakMemory()
console.log(
  JSON.stringify({ who: task.keep ? 'densehybrid, decoded images kept' : 'densehybrid', check: numbers }),
)
for await (const _ of createInterface({ input: process.stdin })) {
  const ms = await timed(() => run())()
  console.log(JSON.stringify({ ms, rss: peakMemory() }))
}
