import type { NativeKernelJob, Precision } from '../binding/native.ts'
import type { BenchmarkSetting, PreparedWork } from './benchmark.ts'

/** Of one `run` on CUDA, where a kernel takes less time than the call. */
const CUDA_REPEATS = 50

/** A kernel whose tensors lie on the device already. */
export function kernelWork(job: NativeKernelJob<unknown>, { device }: BenchmarkSetting): PreparedWork {
  const repeats = device.startsWith('cuda') ? CUDA_REPEATS : 1
  return {
    repeats,
    run: () => job.run(repeats),
    result: () => job.result(),
    dispose: () => job.dispose(),
  }
}

/** Bytes of a number. */
export function bytesOf(precision: Precision): number {
  return precision === 'bf16' ? 2 : 4
}
