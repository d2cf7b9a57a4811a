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

// The first `count` lanes, from 1 to kLanes; nothing is read or written beyond them. Loading makes the others 0.
#if defined(__AVX512F__)
DENSEHYBRID_INLINE __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1u << count) - 1); }
DENSEHYBRID_INLINE Floats load_partial(const float* p, int count) {
  return _mm512_maskz_loadu_ps(first_lanes(count), p);
}
DENSEHYBRID_INLINE void store_partial(float* p, Floats v, int count) {
  _mm512_mask_storeu_ps(p, first_lanes(count), v);
}
#elif defined(__AVX2__)
DENSEHYBRID_INLINE __m256i first_lanes(int count) {
  return reinterpret_cast<__m256i>(Ints{0, 1, 2, 3, 4, 5, 6, 7} < count);
}
DENSEHYBRID_INLINE Floats load_partial(const float* p, int count) { return _mm256_maskload_ps(p, first_lanes(count)); }
DENSEHYBRID_INLINE void store_partial(float* p, Floats v, int count) { _mm256_maskstore_ps(p, first_lanes(count), v); }
#else
DENSEHYBRID_INLINE Floats load_partial(const float* p, int count) {
  Floats v{};
  for (int lane = 0; lane < count; ++lane) v[lane] = p[lane];
  return v;
}
DENSEHYBRID_INLINE void store_partial(float* p, Floats v, int count) {
  for (int lane = 0; lane < count; ++lane) p[lane] = v[lane];
}
#endif
DENSEHYBRID_INLINE Floats load_partial(const uint16_t* p, int count) {
  uint16_t padded[kLanes] = {};
  memcpy(padded, p, static_cast<size_t>(count) * sizeof(uint16_t));
  return load(padded);
}
DENSEHYBRID_INLINE void store_partial(uint16_t* p, Floats v, int count) {
  uint16_t padded[kLanes];
  store(padded, v);
  memcpy(p, padded, static_cast<size_t>(count) * sizeof(uint16_t));
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

// The even and the odd elements of the 2 · kLanes values in a and b.
DENSEHYBRID_INLINE Floats even(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_permutex2var_ps(a, _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0), b);
#elif defined(__AVX2__)
  const __m256 pairs = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0));
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), _MM_SHUFFLE(3, 1, 2, 0)));
#else
  return Floats{a[0], a[2], b[0], b[2]};
#endif
}
DENSEHYBRID_INLINE Floats odd(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_permutex2var_ps(a, _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1), b);
#elif defined(__AVX2__)
  const __m256 pairs = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1));
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), _MM_SHUFFLE(3, 1, 2, 0)));
#else
  return Floats{a[1], a[3], b[1], b[3]};
#endif
}

// e^x for −87 ≤ x ≤ 87, relative error below 1e-7. NaN stays NaN.
DENSEHYBRID_INLINE Floats exp_bounded(Floats x) {
  constexpr float kLog2E = 1.44269504f;
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

// e^x for x ≤ 0, relative error below 1e-7; 0 (or at most 2e-38) below −87. NaN gives garbage, never a trap.
DENSEHYBRID_INLINE Floats exp_nonpositive(Floats x) { return exp_bounded(max(x, splat(-87.0f))); }

// e^−|x|, at least 1.6e-38. NaN stays NaN.
DENSEHYBRID_INLINE Floats exp_minus_abs(Floats x) { return exp_bounded(-min(splat(87.0f), abs(x))); }

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
