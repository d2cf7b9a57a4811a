import type { Benchmark } from './benchmark.ts'
import { flowLogProbBenchmark, flowSampleBenchmark } from './flow.ts'
import { forwardBenchmark } from './forward.ts'
import { hybridLossBenchmark } from './hybrid-loss.ts'
import { hybridScoreBenchmark } from './hybrid-score.ts'
import { segmentBenchmark } from './segment.ts'

/** In the order of the table. */
export const BENCHMARKS: readonly Benchmark[] = [
  hybridScoreBenchmark,
  hybridLossBenchmark,
  forwardBenchmark,
  segmentBenchmark,
  flowLogProbBenchmark,
  flowSampleBenchmark,
]
