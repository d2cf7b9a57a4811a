// Vectors of float for the kernels, on the vector extension of GCC and Clang. A kernel is one header that is included
// by one source file per instruction set (CMakeLists.txt gives each its flags). Everything lives in an unnamed
// namespace: an inline function that two instruction sets shared could be linked from the wrong one. For the same
// reason kernels use no standard library templates.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define DENSEHYBRID_LANES 16
#elif defined(__AVX2__)
#define DENSEHYBRID_LANES 8
#else
#define DENSEHYBRID_LANES 4  // SSE2, NEON
#endif

namespace densehybrid {
namespace {

constexpr int kLanes = DENSEHYBRID_LANES;
using Floats = float __attribute__((vector_size(4 * DENSEHYBRID_LANES)));
using Ints = int32_t __attribute__((vector_size(4 * DENSEHYBRID_LANES)));  // comparisons give 0 or −1 in each lane

#define DENSEHYBRID_INLINE inline __attribute__((always_inline))

// Not Floats{} + value: the compiler keeps that sum, for it makes +0 of −0.
DENSEHYBRID_INLINE Floats splat(float value) {
#if defined(__AVX512F__)
  return _mm512_set1_ps(value);
#elif defined(__AVX2__)
  return _mm256_set1_ps(value);
#else
  return Floats{value, value, value, value};
#endif
}
DENSEHYBRID_INLINE Ints splat_int(int32_t value) { return Ints{} + value; }

DENSEHYBRID_INLINE Floats load(const float* p) {
  Floats v;
  memcpy(&v, p, sizeof v);
  return v;
}
DENSEHYBRID_INLINE Ints load(const int32_t* p) {
  Ints v;
  memcpy(&v, p, sizeof v);
  return v;
}
DENSEHYBRID_INLINE void store(float* p, Floats v) { memcpy(p, &v, sizeof v); }
DENSEHYBRID_INLINE void store(int32_t* p, Ints v) { memcpy(p, &v, sizeof v); }

// The first `count` lanes; count from 1 to kLanes.
DENSEHYBRID_INLINE void store_partial(float* p, Floats v, int count) {
  if (count == kLanes) store(p, v);
  else memcpy(p, &v, static_cast<size_t>(count) * sizeof(float));
}

// bf16 is the upper half of a float; storing rounds to nearest, half to even.
DENSEHYBRID_INLINE Floats load(const uint16_t* p) {
  using Halves = uint16_t __attribute__((vector_size(2 * DENSEHYBRID_LANES)));
  Halves v;
  memcpy(&v, p, sizeof v);
  return reinterpret_cast<Floats>(__builtin_convertvector(v, Ints) << 16);
}
DENSEHYBRID_INLINE void store(uint16_t* p, Floats v) {
  using Halves = uint16_t __attribute__((vector_size(2 * DENSEHYBRID_LANES)));
  using Bits = uint32_t __attribute__((vector_size(4 * DENSEHYBRID_LANES)));
  const Bits bits = reinterpret_cast<Bits>(v);
  const Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Bits quiet_nan = Bits{} + 0x7fc0;
  const Halves halves = __builtin_convertvector(v == v ? rounded : quiet_nan, Halves);
  memcpy(p, &halves, sizeof halves);
}

// Where one of a and b is NaN, max and min give b.
DENSEHYBRID_INLINE Floats max(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_max_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}

DENSEHYBRID_INLINE Floats min(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_min_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_min_ps(a, b);
#else
  return a < b ? a : b;
#endif
}

DENSEHYBRID_INLINE Floats abs(Floats v) { return reinterpret_cast<Floats>(reinterpret_cast<Ints>(v) & 0x7fffffff); }

DENSEHYBRID_INLINE bool any(Ints mask) {
  int32_t folded = 0;
  for (int lane = 0; lane < kLanes; ++lane) folded |= mask[lane];
  return folded != 0;
}

DENSEHYBRID_INLINE float sum(Floats v) {
  float total = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) total += v[lane];
  return total;
}

// table[index] for indices in [0, kLanes).
DENSEHYBRID_INLINE Floats permute(Floats table, Ints index) {
#if defined(__AVX512F__)
  return _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), table);
#elif defined(__AVX2__)
  return _mm256_permutevar8x32_ps(table, reinterpret_cast<__m256i>(index));
#else
  Floats v;
  for (int lane = 0; lane < kLanes; ++lane) v[lane] = table[index[lane]];
  return v;
#endif
}

// e^x for x ≤ 0, relative error below 1e-7; 0 (or at most 2e-38) below −87. NaN gives garbage, never a trap.
DENSEHYBRID_INLINE Floats exp_nonpositive(Floats x) {
  constexpr float kLog2E = 1.44269504f;
  x = max(x, splat(-87.0f));
  const Floats t = x * kLog2E;
#if defined(__AVX512F__)
  const Floats n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it leaves the nearest integer in the low bits
  const Floats shifted = t + kRound;
  const Floats n = shifted - kRound;
#endif
  const Floats r = x * kLog2E - n;  // contracted to a fused multiply-add: exact up to its rounding
  // 2^r on [−½, ½], minimax of degree 6
  Floats p = r * 1.53457878e-4f + 1.33999309e-3f;
  p = p * r + 9.61848907e-3f;
  p = p * r + 5.55032864e-2f;
  p = p * r + 0.240226462f;
  p = p * r + 0.693147182f;
  p = p * r + 1.0f;
#if defined(__AVX512F__)
  return _mm512_scalef_ps(p, n);
#else
  return reinterpret_cast<Floats>(reinterpret_cast<Ints>(p) + (__builtin_convertvector(n, Ints) << 23));
#endif
}

// ln x for positive, finite, normal x. Absolute error below 1e-7 near 1, relative error below 1e-7 elsewhere.
DENSEHYBRID_INLINE Floats log(Floats x) {
  const Ints bits = reinterpret_cast<Ints>(x);
  Ints exponent = (bits >> 23) - 127;
  Floats m = reinterpret_cast<Floats>((bits & 0x7fffff) | 0x3f800000);  // [1, 2)
  const Ints large = m > 1.41421356f;
  m = large ? m * 0.5f : m;  // [√½, √2]
  exponent = exponent - large;
  const Floats f = m - 1.0f;
  const Floats e = __builtin_convertvector(exponent, Floats);
  // ln(1 + f) = f − f²/2 + f³ · q(f)   (coefficients of the Cephes library's logf)
  Floats q = f * 7.0376836292e-2f - 1.1514610310e-1f;
  q = q * f + 1.1676998740e-1f;
  q = q * f - 1.2420140846e-1f;
  q = q * f + 1.4249322787e-1f;
  q = q * f - 1.6668057665e-1f;
  q = q * f + 2.0000714765e-1f;
  q = q * f - 2.4999993993e-1f;
  q = q * f + 3.3333331174e-1f;
  const Floats z = f * f;
  Floats y = q * f * z;
  y = e * -2.12194440e-4f + y;
  y = y - 0.5f * z;
  return e * 0.693359375f + (f + y);
}

// ln(1 + t) for t in [0, 1], with small relative error also for tiny t.
DENSEHYBRID_INLINE Floats log1p_unit(Floats t) {
  const Floats u = 1.0f + t;
  const Floats rounded = u - 1.0f;  // the part of t that u holds
  const Ints tiny = rounded == 0.0f;
  return tiny ? t : log(u) * (t / (tiny ? splat(1.0f) : rounded));
}

}  // namespace
}  // namespace densehybrid
