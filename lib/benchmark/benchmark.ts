import type { Precision } from '../binding/native.ts'
import type { ScoreName } from '../scores.ts'
import type { Tensor, TypedArray } from '../tensor.ts'

/** All that can be set; each benchmark has some of them. Sizes are [height, width]. */
export interface BenchmarkParameters {
  architecture: string
  classes: number
  batch: number
  /** Of the logits. */
  feature: readonly [number, number]
  /** Of the images, or of the upsampled result. */
  size: readonly [number, number]
  scores: readonly ScoreName[]
}

/** Where and how the work is done. */
export interface BenchmarkSetting {
  device: string
  precision: Precision
}

/** The work of one benchmark, ready to be repeated. */
export interface PreparedWork {
  run(): Promise<unknown>
  /** What the last run gave, where `run` itself does not give it. */
  result?(): Promise<unknown>
  /** How often one `run` does the work: more than once where the call costs more than the work. Default 1. */
  readonly repeats?: number
  /** A smaller job whose time says what `run` costs more; measured alternately with it. */
  labelsAlone?(): Promise<unknown>
  dispose(): void
}

/** One thing that is worth measuring. */
export interface Benchmark {
  readonly name: string
  /** The parameters it has, with the values the README's figures use. */
  readonly defaults: Readonly<Partial<BenchmarkParameters>>
  /** Does it run a network? */
  readonly network: boolean
  /** Of a kernel: the bytes that any implementation reads and writes, every input and every output once. */
  traffic?(parameters: Readonly<Partial<BenchmarkParameters>>, precision: Precision): number
  /** The names that `architecture` may have; absent: those of networks. */
  architectures?(): readonly string[]
  /** Writes the weights, the same in every process, as a checkpoint. */
  saveWeights?(parameters: Readonly<Partial<BenchmarkParameters>>, path: string): Promise<void>
  /** The seeded input tensors by name: the same parameters give the same tensors in every process. */
  inputs(parameters: Readonly<Partial<BenchmarkParameters>>): Record<string, Tensor<TypedArray>>
  prepare(
    parameters: Readonly<Partial<BenchmarkParameters>>,
    setting: BenchmarkSetting,
  ): Promise<PreparedWork>
}

/** Infers from the defaults which parameters a benchmark has, and from `inputs` its tensors. */
export function defineBenchmark<
  const Name extends keyof BenchmarkParameters,
  I extends Record<string, Tensor<TypedArray>>,
>(benchmark: {
  name: string
  defaults: Pick<BenchmarkParameters, Name>
  network: boolean
  traffic?(parameters: Pick<BenchmarkParameters, Name>, precision: Precision): number
  architectures?(): readonly string[]
  saveWeights?(parameters: Pick<BenchmarkParameters, Name>, path: string): Promise<void>
  inputs(parameters: Pick<BenchmarkParameters, Name>): I
  prepare(
    parameters: Pick<BenchmarkParameters, Name>,
    inputs: I,
    setting: BenchmarkSetting,
  ): Promise<PreparedWork>
}): Benchmark {
  const { name, defaults, network, traffic, architectures, saveWeights } = benchmark
  const complete = (parameters: Partial<BenchmarkParameters>) => parameters as Pick<BenchmarkParameters, Name>
  return {
    name,
    defaults,
    network,
    ...(traffic !== undefined && {
      traffic: (parameters, precision) => traffic(complete(parameters), precision),
    }),
    ...(architectures !== undefined && { architectures }),
    ...(saveWeights !== undefined && {
      saveWeights: (parameters, path) => saveWeights(complete(parameters), path),
    }),
    inputs: (parameters) => benchmark.inputs(complete(parameters)),
    prepare: (parameters, setting) =>
      benchmark.prepare(complete(parameters), benchmark.inputs(complete(parameters)), setting),
  }
}
