// The functions of simd.h for one float: for CUDA threads, and for plain loops.
#pragma once

#include <math.h>

#if defined(__CUDACC__)
#define DENSEHYBRID_PIXEL __host__ __device__ __forceinline__
#else
#define DENSEHYBRID_PIXEL inline __attribute__((always_inline))
#endif

// Before a loop whose length is known when compiling: a thread's array stays in registers only where its indices are.
#if defined(__CUDA_ARCH__)
#define DENSEHYBRID_UNROLL _Pragma("unroll")
#else
#define DENSEHYBRID_UNROLL
#endif

namespace densehybrid {
namespace {

DENSEHYBRID_PIXEL float max(float a, float b) { return a > b ? a : b; }
DENSEHYBRID_PIXEL float abs(float x) { return ::fabsf(x); }
DENSEHYBRID_PIXEL float exp_nonpositive(float x) { return ::expf(x); }
DENSEHYBRID_PIXEL float log(float x) { return ::logf(x); }
DENSEHYBRID_PIXEL float log1p_unit(float t) { return ::log1pf(t); }

}  // namespace
}  // namespace densehybrid
