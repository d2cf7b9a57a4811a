// The affine coupling on the CPU: vectors of channels, one pixel after another.
#pragma once

#include "ops/affine_coupling/affine_coupling_cpu.h"
#include "simd/simd.h"

namespace densehybrid {
namespace {

// 2 · tanh(u / 2), odd in u
DENSEHYBRID_INLINE Floats bounded_log_scale(Floats u) {
  const Floats e = exp_minus_abs(u);
  const Floats magnitude = 2.0f * (1.0f - e) / (1.0f + e);
  return u >= 0.0f ? magnitude : -magnitude;
}

template <bool kInverse>
double change_pixels(const AffineCouplingJob& job, int64_t first, int64_t last) {
  double log_det = 0.0;
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const float* parameters = job.parameters + pixel * job.parameters_pitch;
    const float* changed = job.source_changed + pixel * job.source_pitch;
    float* out = job.out_changed + pixel * job.out_pitch;
    Floats log_scales = splat(0.0f);
    for (int64_t c = 0; c < job.changed; c += kLanes) {
      const int count = job.changed - c < kLanes ? static_cast<int>(job.changed - c) : kLanes;
      const int more = 2 * count - kLanes;
      const Floats front = load_partial(parameters + 2 * c, more < 0 ? 2 * count : kLanes);
      const Floats back = more > 0 ? load_partial(parameters + 2 * c + kLanes, more) : splat(0.0f);
      const Floats log_scale = bounded_log_scale(even(front, back));  // 0 in lanes beyond `count`
      const Floats shift = odd(front, back);
      const Floats x = load_partial(changed + c, count);
      if (kInverse) store_partial(out + c, (x - shift) * exp_bounded(-log_scale), count);
      else store_partial(out + c, shift + x * exp_bounded(log_scale), count);
      log_scales = log_scales + log_scale;
    }
    log_det += static_cast<double>(sum(log_scales));
    const float* kept = job.source_kept + pixel * job.source_pitch;
    float* out_kept = job.out_kept + pixel * job.out_pitch;
    for (int64_t c = 0; c < job.kept; c += kLanes) {
      const int count = job.kept - c < kLanes ? static_cast<int>(job.kept - c) : kLanes;
      store_partial(out_kept + c, load_partial(kept + c, count), count);
    }
  }
  return log_det;
}

double couple_pixels(const AffineCouplingJob& job, int64_t first, int64_t last) {
  return change_pixels<false>(job, first, last);
}

double uncouple_pixels(const AffineCouplingJob& job, int64_t first, int64_t last) {
  return change_pixels<true>(job, first, last);
}

}  // namespace
}  // namespace densehybrid
