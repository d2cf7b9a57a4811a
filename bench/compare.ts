/**
 * A benchmark of `densehybrid bench` against the same work in PyTorch and ONNX Runtime, on the same inputs and weights.
 *
 *   node --import=tsx bench/compare.ts NAME --python PYTHON [--threads 1] [--rounds 10] [--precision fp32|bf16] [--size 512x1024]
 *     [--architecture NAME] [--json FILE]
 *
 * NAME is hybrid-score, hybrid-loss, forward, segment, flow-log-prob or flow-sample. PYTHON is an interpreter with bench/competitors/requirements.txt.
 * Every side is a process of its own; they run in turn, once a round. The results are compared before anything is timed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchmarkParameters } from '../lib/benchmark/benchmark.ts'
import { describeCommit, describeMachine } from '../lib/benchmark/machine.ts'
import { measure } from '../lib/benchmark/measure.ts'
import { BENCHMARKS } from '../lib/benchmark/registry.ts'
import { loadNative } from '../lib/binding/load.ts'
import type { Precision } from '../lib/binding/native.ts'
import { formatTable } from '../lib/cli/ui.ts'
import { Worker } from './worker.ts'

/** What every side is told. */
export interface Task {
  name: string
  parameters: Partial<BenchmarkParameters>
  threads: number
  precision: Precision
  /** For the other side: engine, and the files of inputs and weights. */
  engine?: string
  inputs?: string
  weights?: string
}

/** Script and engines of the other side. */
const COMPETITORS: Record<string, { script: string; engines: readonly string[] }> = {
  'hybrid-score': { script: 'hybrid_score.py', engines: ['eager', 'compile'] },
  'hybrid-loss': { script: 'hybrid_loss.py', engines: ['eager', 'compile'] },
  forward: { script: 'network.py', engines: ['eager', 'channels_last', 'onnxruntime'] },
  segment: { script: 'network.py', engines: ['eager', 'channels_last'] },
  'flow-log-prob': { script: 'flow.py', engines: ['eager', 'channels_last'] },
  'flow-sample': { script: 'flow.py', engines: ['eager', 'channels_last'] },
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      python: { type: 'string', default: 'python3' },
      threads: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '10' },
      precision: { type: 'string', default: 'fp32' },
      size: { type: 'string' },
      architecture: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const [name] = positionals
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name)
  if (benchmark === undefined) throw new Error(`NAME must be one of ${Object.keys(COMPETITORS).join(', ')}`)
  if (!['fp32', 'bf16'].includes(values.precision)) throw new Error('--precision must be fp32 or bf16')
  if (values.precision === 'bf16' && !benchmark.network) throw new Error(`${name} compares in fp32 only`)
  const size = values.size
    ?.match(/^([1-9]\d*)x([1-9]\d*)$/)
    ?.slice(1)
    .map(Number)
  if (values.size !== undefined && size === undefined)
    throw new Error('--size must be like 512x1024: height, width')
  const { architecture } = values
  if (architecture !== undefined && !benchmark.architectures?.().includes(architecture)) {
    const known = benchmark.architectures?.().join(', ') ?? 'none'
    throw new Error(`--architecture must be one that ${name} knows: ${known}`)
  }
  const task: Task = {
    name,
    parameters: {
      ...benchmark.defaults,
      ...(size && { size: [size[0], size[1]] }),
      ...(architecture && { architecture }),
    },
    threads: Number(values.threads),
    precision: values.precision === 'bf16' ? 'bf16' : 'float32',
  }
  const folder = await mkdtemp(join(tmpdir(), 'densehybrid-bench-'))
  const workers: Worker[] = []
  try {
    const sides = await startAll(task, values.python, folder, workers)
    const answers = sides.map(() => ({ ms: 0, rss: 0 }))
    const jobs = workers.map((worker, i) => async () => {
      answers[i] = await worker.ask('run')
      return answers[i].ms
    })
    const times = await measure(jobs, { rounds: Number(values.rounds), warmUp: 1 })
    const results = times.map((side, i) => ({
      who: sides[i].who,
      ...side,
      ratio: side.medianMs / times[0].medianMs,
      peakMemoryBytes: answers[i].rss,
    }))
    const machine = describeMachine()
    print(task, results, machine)
    if (values.json !== undefined) {
      const { parameters, threads, precision } = task
      const report = { name, parameters, threads, precision, rounds: Number(values.rounds), results }
      const text = JSON.stringify({ ...report, commit: describeCommit(), machine }, null, 2)
      await writeFile(values.json, `${text}\n`)
    }
  } finally {
    for (const worker of workers) worker.stop()
    await rm(folder, { recursive: true })
  }
}

/** Starts ours and theirs one after another; each is warm when it answers. Throws where the results differ. */
async function startAll(task: Task, python: string, folder: string, workers: Worker[]) {
  const { script, engines } = COMPETITORS[task.name]
  const files = await writeFiles(task, folder)
  const usable = engines.filter((engine) => task.precision === 'float32' || engine !== 'onnxruntime')
  const at = (path: string) => join(import.meta.dirname, path)
  const starts = [
    () => new Worker(process.execPath, ['--import=tsx', at('ours.ts'), JSON.stringify(task)]),
    ...usable.map((engine) => () => {
      return new Worker(python, [at(`competitors/${script}`), JSON.stringify({ ...task, ...files, engine })])
    }),
  ]
  const sides: { who: string; check: number[] }[] = []
  for (const start of starts) {
    const worker = start()
    workers.push(worker)
    const side = await worker.answer<{ who: string; check: number[] }>()
    console.error(`${side.who} is ready`)
    sides.push(side)
    checkAgreement(sides[0], side, task.precision)
  }
  return sides
}

async function writeFiles(task: Task, folder: string): Promise<{ inputs: string; weights?: string }> {
  const inputs = join(folder, 'inputs.safetensors')
  const benchmark = BENCHMARKS.find(({ name }) => name === task.name)!
  await loadNative().writeSafetensors(inputs, benchmark.inputs(task.parameters), {})
  if (benchmark.saveWeights === undefined) return { inputs }
  const weights = join(folder, 'weights.safetensors')
  await benchmark.saveWeights(task.parameters, weights)
  return { inputs, weights }
}

/** A few numbers of the result: equal up to rounding, or somebody does other work. */
function checkAgreement(
  ours: { who: string; check: number[] },
  theirs: { who: string; check: number[] },
  precision: Precision,
): void {
  const tolerance = precision === 'bf16' ? 5e-2 : 1e-3
  const agrees = theirs.check.every((value, i) => {
    return Math.abs(value - ours.check[i]) <= tolerance * Math.abs(ours.check[i])
  })
  if (agrees && ours.check.length === theirs.check.length) return
  throw new Error(`${theirs.who} computes [${theirs.check}], ${ours.who} [${ours.check}]`)
}

interface Result {
  who: string
  medianMs: number
  minMs: number
  ratio: number
  peakMemoryBytes: number
}

function print(task: Task, results: readonly Result[], machine: ReturnType<typeof describeMachine>): void {
  const rows = results.map(({ who, medianMs, minMs, ratio, peakMemoryBytes }) => [
    who,
    medianMs.toFixed(1),
    minMs.toFixed(1),
    ratio.toFixed(2),
    (peakMemoryBytes / 2 ** 20).toFixed(0),
  ])
  console.log(`${task.name} ${task.precision} ${task.threads} thread(s) ${JSON.stringify(task.parameters)}`)
  console.log(formatTable(['who', 'median ms', 'min ms', '× ours', 'peak MiB'], rows))
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${machine.os}, Node ${machine.node}, ${describeCommit()}`,
  )
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
