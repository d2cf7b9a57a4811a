/** Our side of bench/pixel-metrics.ts, a process of its own so that its memory can be compared. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { timed } from '../lib/benchmark/measure.ts'
import { peakMemory, resetPeakMemory } from '../lib/benchmark/peak-memory.ts'
import { AnomalyMetrics } from '../lib/evaluation/anomaly.ts'
import { ConfusionMatrix } from '../lib/evaluation/confusion.ts'
import type { PixelTask } from './pixel-metrics.ts'

/** Pixels of one image: 2048×1024. */
const IMAGE = 2 ** 21

const task = JSON.parse(process.argv[2]) as PixelTask

/** Calls `visit` with the same stretch of two files, image by image. */
function forEachImage(
  first: string,
  second: string,
  itemBytes: number,
  visit: (a: ArrayBuffer, b: Uint8Array) => void,
) {
  const files = [first, second].map((path) => openSync(path, 'r'))
  for (let start = 0; start < task.pixels; start += IMAGE) {
    const length = Math.min(IMAGE, task.pixels - start)
    const a = new ArrayBuffer(length * itemBytes)
    const b = new Uint8Array(length)
    readSync(files[0], new Uint8Array(a))
    readSync(files[1], b)
    visit(a, b)
  }
  files.forEach(closeSync)
}

async function metrics(): Promise<number[]> {
  const result = new AnomalyMetrics({ convention: 'a' })
  forEachImage(task.scores, task.labels, 4, (scores, labels) => result.add(new Float32Array(scores), labels))
  const { ap, auroc, fpr } = result.result()
  return [ap, auroc, fpr]
}

async function confusion(): Promise<number[]> {
  const matrix = new ConfusionMatrix(20, { ignore: 19 })
  for (let start = 0; start < task.pixels; start += IMAGE)
    matrix.add(target.subarray(start, start + IMAGE), prediction.subarray(start, start + IMAGE))
  return matrix.result().matrix.flat()
}

// Counting is quicker than reading: as on the other side, all pixels are in memory.
const inMemory = (path: string) =>
  task.work === 'confusion' ? new Uint8Array(readFileSync(path)) : new Uint8Array()
const target = inMemory(task.target)
const prediction = inMemory(task.prediction)
const run = task.work === 'metrics' ? metrics : confusion
const check = await run()
await run()
resetPeakMemory()
console.log(JSON.stringify({ who: 'densehybrid', check }))
for await (const _ of createInterface({ input: process.stdin })) {
  const ms = await timed(run)()
  console.log(JSON.stringify({ ms, rss: peakMemory() }))
}
