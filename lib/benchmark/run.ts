import { loadNative } from '../binding/load.ts'
import type { Precision } from '../binding/native.ts'
import { info } from '../runtime.ts'
import type { Benchmark, BenchmarkParameters, BenchmarkSetting } from './benchmark.ts'
import { describeCommit, describeMachine, type Machine } from './machine.ts'
import { type MeasureOptions, measure, type Times, timed } from './measure.ts'
import { peakMemory, resetPeakMemory } from './peak-memory.ts'

/** One figure and all that it depends on. */
export interface BenchmarkResult extends Times {
  name: string
  /** Sizes as height x width. */
  parameters: Record<string, unknown>
  /** Timed calls. */
  iterations: number
  /** Calls before them. */
  warmUp: number
  threads: number
  device: string
  precision: Precision
  /** Largest resident memory of the process while it ran. */
  peakMemoryBytes: number
  /**
   * How far that is above the memory before the first call, weights and inputs in place. Memory that an earlier
   * benchmark of the same process freed and the allocators kept does not count.
   */
  memoryGrowthBytes: number
  /** Of a kernel: how it stands to the memory of its device. */
  memory?: MemoryFloor
  /** Of `segment`: closed-set labels without any score, measured alternately. */
  labelsAlone?: Times
  commit: string
  machine: Machine
}

/** The least time that the memory allows. */
export interface MemoryFloor {
  /** Every input and every output once. */
  trafficBytes: number
  /** Traffic over the median time, in bytes per second. */
  achievedBandwidth: number
  /** Of a large copy on the same device, in bytes per second. */
  copyBandwidth: number
  /** Traffic at the bandwidth of a copy. */
  floorMs: number
  /** floorMs over the median time: 1 is the best possible. */
  shareOfFloor: number
}

/** A problem that is done at once. */
const SMALL = { batch: 1, feature: [8, 8], size: [32, 32] } as const

/**
 * Measures one benchmark on the device and in the precision of `setting`.
 *
 * @param parameters all that `benchmark.defaults` has
 */
export async function runBenchmark(
  benchmark: Benchmark,
  parameters: Readonly<Partial<BenchmarkParameters>>,
  setting: BenchmarkSetting,
  options: MeasureOptions,
): Promise<BenchmarkResult> {
  const { device, precision } = setting
  const { rounds, warmUp } = options
  // Code that is read from disk at its first use is no growth.
  const first = await benchmark.prepare({ ...parameters, ...SMALL }, setting)
  await first.run().finally(() => first.dispose())
  const work = await benchmark.prepare(parameters, setting)
  try {
    resetPeakMemory()
    const before = process.memoryUsage.rss()
    const jobs = [work.run, ...(work.labelsAlone === undefined ? [] : [work.labelsAlone])]
    const measured = await measure(jobs.map(timed), options)
    const [times, labelsAlone] = measured.map((each) => perCall(each, work.repeats ?? 1))
    const peak = peakMemory()
    const memory =
      benchmark.traffic && (await memoryFloor(benchmark.traffic(parameters, precision), times, device))
    return {
      name: benchmark.name,
      parameters: printed(parameters),
      ...times,
      iterations: rounds,
      warmUp,
      threads: info().threads,
      device,
      precision,
      peakMemoryBytes: peak,
      memoryGrowthBytes: Math.max(0, peak - before),
      ...(memory !== undefined && { memory }),
      ...(labelsAlone !== undefined && { labelsAlone }),
      commit: describeCommit(),
      machine: describeMachine(device),
    }
  } finally {
    work.dispose()
  }
}

function perCall({ medianMs, minMs }: Times, repeats: number): Times {
  return { medianMs: medianMs / repeats, minMs: minMs / repeats }
}

async function memoryFloor(trafficBytes: number, { medianMs }: Times, device: string): Promise<MemoryFloor> {
  const copyBandwidth = await loadNative().memoryBandwidth({ device })
  const floorMs = (1000 * trafficBytes) / copyBandwidth
  return {
    trafficBytes,
    achievedBandwidth: (1000 * trafficBytes) / medianMs,
    copyBandwidth,
    floorMs,
    shareOfFloor: floorMs / medianMs,
  }
}

/** Parameters the way they are typed: 256x512, a list of scores. */
function printed(parameters: Readonly<Partial<BenchmarkParameters>>): Record<string, unknown> {
  const { feature, size, ...rest } = parameters
  return {
    ...rest,
    ...(feature !== undefined && { feature: feature.join('x') }),
    ...(size !== undefined && { size: size.join('x') }),
  }
}
