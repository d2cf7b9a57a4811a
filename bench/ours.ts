/** Our side of bench/compare.ts, a process of its own so that its memory can be compared. Speaks as competitors/worker.py. */
import { createInterface } from 'node:readline'
import { timed } from '../lib/benchmark/measure.ts'
import { peakMemory, resetPeakMemory } from '../lib/benchmark/peak-memory.ts'
import { BENCHMARKS } from '../lib/benchmark/registry.ts'
import type { NativeForwardResult, NativeLossResult, NativeScoreResult } from '../lib/binding/native.ts'
import { info, setThreads } from '../lib/runtime.ts'
import type { Tensor } from '../lib/tensor.ts'
import type { Task } from './compare.ts'

const sum = (values: ArrayLike<number>, f: (value: number) => number) => {
  let total = 0
  for (let i = 0; i < values.length; i++) total += f(values[i])
  return total
}
const mean = ({ data }: { data: ArrayLike<number> }) => sum(data, (x) => x) / data.length
const norm = ({ data }: { data: ArrayLike<number> }) => Math.sqrt(sum(data, (x) => x * x))

/** The same numbers as the Python side computes. */
function check(result: unknown): number[] {
  if (typeof result === 'object' && result !== null && 'labels' in result) {
    const { labels, scores } = result as NativeScoreResult
    return [
      mean(labels),
      ...Object.keys(scores)
        .sort()
        .map((name) => mean(scores[name])),
    ]
  }
  if (typeof result === 'object' && result !== null && 'total' in result) {
    const { total, gradLogits, gradOodLogits } = result as NativeLossResult
    return [total, norm(gradLogits), norm(gradOodLogits)]
  }
  if (typeof result === 'object' && result !== null && 'logProb' in result) {
    return [mean((result as { logProb: Tensor<Float64Array> }).logProb)]
  }
  if (typeof result === 'object' && result !== null && 'patches' in result) {
    const { patches } = result as { patches: Tensor }
    return [mean(patches), norm(patches) ** 2 / patches.data.length]
  }
  const { logits, oodLogits } = result as NativeForwardResult
  return [logits, oodLogits].map((tensor) => norm(tensor) / Math.sqrt(tensor.data.length))
}

const { name, parameters, threads, precision } = JSON.parse(process.argv[2]) as Task
setThreads(threads)
const benchmark = BENCHMARKS.find((candidate) => candidate.name === name)!
const work = await benchmark.prepare(parameters, { device: 'cpu', precision })
const answer = await work.run()
const numbers = check(work.result === undefined ? answer : await work.result())
await work.run()
resetPeakMemory()
console.log(JSON.stringify({ who: `densehybrid ${info().version}`, check: numbers }))
for await (const _ of createInterface({ input: process.stdin })) {
  const milliseconds = await timed(work.run)()
  console.log(JSON.stringify({ ms: milliseconds, rss: peakMemory() }))
}
work.dispose()
