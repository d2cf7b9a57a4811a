/** Our side of bench/smiyc-components.ts, a process of its own so that its memory can be compared. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { timed } from '../lib/benchmark/measure.ts'
import { peakMemory, resetPeakMemory } from '../lib/benchmark/peak-memory.ts'
import { ComponentMetrics } from '../lib/evaluation/smiyc/component-metrics.ts'
import { tensor } from '../lib/tensor.ts'
import type { ComponentTask } from './smiyc-components.ts'

const {
  scores: file,
  target: targetFile,
  height,
  width,
  ...options
} = JSON.parse(process.argv[2]) as ComponentTask
const scores = tensor(new Float32Array(new Uint8Array(readFileSync(file)).buffer), [height, width])
const target = tensor(new Uint8Array(readFileSync(targetFile)), [height, width])

async function run() {
  return new ComponentMetrics({ ...options, float16Threshold: false }).add(scores, target, 'frame').result()
}

const { truthComponents, predictedComponents, sIoU, ppv, f1 } = await run()
await run()
resetPeakMemory()
console.error(`${predictedComponents} predicted components, ${truthComponents} of the truth`)
console.log(
  JSON.stringify({ who: 'densehybrid', check: [truthComponents, predictedComponents, sIoU, ppv, f1] }),
)
for await (const _ of createInterface({ input: process.stdin })) {
  const ms = await timed(run)()
  console.log(JSON.stringify({ ms, rss: peakMemory() }))
}
