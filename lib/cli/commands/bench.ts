import type { Benchmark, BenchmarkParameters } from '../../benchmark/benchmark.ts'
import type { BenchmarkResult } from '../../benchmark/run.ts'
import { nearest } from '../../validate.ts'
import { formatBenchmarks, milliseconds } from '../benchmark-table.ts'
import { defineCommand } from '../command.ts'
import { choice, integer, kebab, scoreSet, size, text } from '../flags.ts'
import { UsageError } from '../usage-error.ts'

/** Flags that set a parameter; which of them a benchmark has follows from its defaults. */
const PARAMETERS = ['architecture', 'classes', 'batch', 'feature', 'size', 'scores'] as const

/** Side in pixels: the output stride of the deepest map. */
const SMALLEST_IMAGE = 32
const LARGEST_SIDE = 65_535

/** The command `bench`. */
export const command = defineCommand({
  name: 'bench',
  summary: 'Times the kernels and the networks on this machine.',
  usage: '[NAME] [options]',
  examples: [
    'bench',
    'bench hybrid-score --classes 19 --feature 256x512 --size 1024x2048',
    'bench segment --size 512x1024 --precision bf16 --threads 1 --json',
  ],
  inputs: { min: 0, max: 1, name: 'a NAME' },
  flags: {
    architecture: text('NAME'),
    classes: integer(1, 254),
    batch: integer(1, 1024),
    feature: size(),
    size: size(),
    scores: scoreSet(),
    rounds: integer(1, 1_000_000, { default: 10 }),
    warmUp: integer(0, 1_000_000, { default: 2 }),
    threads: integer(1, 1024),
    precision: choice(['fp32', 'float32', 'bf16'], { default: 'fp32', placeholder: 'fp32|bf16' }),
    device: choice(['cpu', 'cuda'], { default: 'cpu' }),
  },
  details: [
    'NAME is one of these, absent: all of them as below:',
    '  hybrid-score --classes 19 --feature 256x512 --size 1024x2048 --scores hybrid',
    '  hybrid-loss  --classes 19 --feature 128x128 --size 512x512 --batch 2',
    '  forward      --architecture ladder-densenet121 --classes 19 --size 512x1024',
    '  segment      the same --scores all; also the time of labels alone',
    '  flow-log-prob|flow-sample --architecture denseflow-tiny --batch 4 --size 64',
    'The first two find their tensors in place, and say what a copy of as many',
    'bytes would take. Noise in, random weights.',
  ],
  help: [
    ['architecture', 'network of forward and segment'],
    ['classes,batch', 'K; images at once'],
    ['feature', 'of the logits'],
    ['size', 'of the images, or of the upsampled result'],
    ['scores', 'none, all, or names like hybrid,max-logit'],
    ['rounds,warmUp', 'calls timed ({rounds}) and before ({warmUp})'],
    ['threads', 'CPU threads (all)'],
    ['precision', 'of the network, or of the logits ({precision})'],
    ['device', 'where it runs ({device})'],
  ],
  async run(options, [name], { ui, signal }) {
    const { BENCHMARKS } = await import('../../benchmark/registry.ts')
    const { runBenchmark } = await import('../../benchmark/run.ts')
    const { architectures, info, setThreads } = await import('../../runtime.ts')
    const chosen = name === undefined ? BENCHMARKS : [findBenchmark(name, BENCHMARKS)]
    const given = PARAMETERS.filter((parameter) => options[parameter] !== undefined)
    checkParameters(given, name === undefined ? undefined : chosen[0])
    const { rounds, warmUp, threads, device } = options
    const precision = options.precision === 'bf16' ? 'bf16' : 'float32'
    checkSides('feature', options.feature, 1)
    checkSides('size', options.size, chosen[0].network ? SMALLEST_IMAGE : 1)
    if (options.architecture !== undefined) {
      const names = chosen[0].architectures?.() ?? architectures().map(({ name }) => name)
      checkArchitecture(options.architecture, names)
    }
    if (device === 'cuda' && !info().devices.some(({ type }) => type === 'cuda')) {
      throw new UsageError('expected cpu for --device but received "cuda": no CUDA device was found')
    }
    if (threads !== undefined) setThreads(threads)
    const results: BenchmarkResult[] = []
    for (const benchmark of chosen) {
      const parameters: Partial<BenchmarkParameters> = {
        ...benchmark.defaults,
        ...Object.fromEntries(given.map((parameter) => [parameter, options[parameter]])),
      }
      const progress = ui.progress(benchmark.name, warmUp + rounds, 'rounds')
      const result = await runBenchmark(
        benchmark,
        parameters,
        { device, precision },
        { rounds, warmUp, signal, onRound: (done) => progress.update(done) },
      )
      progress.stop(`median ${milliseconds(result.medianMs)} ms`)
      results.push(result)
    }
    if (options.json) ui.json(name === undefined ? results : results[0])
    else ui.result(formatBenchmarks(results))
    return undefined
  },
})

function findBenchmark(name: string, benchmarks: readonly Benchmark[]): Benchmark {
  const found = benchmarks.find((benchmark) => benchmark.name === name)
  if (found !== undefined) return found
  const names = benchmarks.map((benchmark) => benchmark.name)
  const near = nearest(name, names)
  throw new UsageError(
    `unknown benchmark ${name}.${near === undefined ? ` There are: ${names.join(', ')}.` : ` Did you mean ${near}?`}`,
  )
}

/** Refuses flags of other benchmarks, which would be ignored, and any where all benchmarks run with their defaults. */
function checkParameters(given: readonly (typeof PARAMETERS)[number][], benchmark?: Benchmark): void {
  for (const parameter of given) {
    if (benchmark === undefined) throw new UsageError(`--${kebab(parameter)} needs the NAME of a benchmark`)
    if (parameter in benchmark.defaults) continue
    const known = PARAMETERS.filter((other) => other in benchmark.defaults).map(
      (other) => `--${kebab(other)}`,
    )
    throw new UsageError(`${benchmark.name} has no --${kebab(parameter)}; it has ${known.join(', ')}`)
  }
}

function checkSides(flag: string, sides: readonly [number, number] | undefined, min: number): void {
  if (sides === undefined || sides.every((side) => side >= min && side <= LARGEST_SIDE)) return
  throw new UsageError(
    `expected sides from ${min} to ${LARGEST_SIDE} pixels for --${flag} but received "${sides.join('x')}"`,
  )
}

function checkArchitecture(name: string, names: readonly string[]): void {
  if (names.includes(name)) return
  const near = nearest(name, names)
  throw new UsageError(
    `expected one of ${names.join(', ')} for --architecture but received "${name}"${near === undefined ? '' : `. Did you mean ${near}?`}`,
  )
}
