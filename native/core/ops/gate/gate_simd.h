// The gate on the CPU: vectors of channels, one pixel after another.
#pragma once

#include "ops/gate/gate_cpu.h"
#include "simd/simd.h"

namespace densehybrid {
namespace {

DENSEHYBRID_INLINE Floats sigmoid(Floats x) {
  const Floats e = exp_minus_abs(x);
  return (x >= 0.0f ? splat(1.0f) : e) / (1.0f + e);
}

template <bool kResidual>
void gate_pixels(const GateJob& job, int64_t first, int64_t last) {
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const float* parts = job.parts + pixel * job.parts_pitch;
    const float* residual = kResidual ? job.residual + pixel * job.residual_pitch : nullptr;
    float* out = job.out + pixel * job.out_pitch;
    for (int64_t c = 0; c < job.channels; c += kLanes) {
      const int count = job.channels - c < kLanes ? static_cast<int>(job.channels - c) : kLanes;
      const auto part = [&](int64_t i) {
        const int64_t channel = i * job.channels + c;
        return load_partial(parts + channel, count) + load_partial(job.bias + channel, count);
      };
      Floats y = part(0) + part(1) * sigmoid(part(2));
      if (kResidual) y = y + load_partial(residual + c, count);
      store_partial(out + c, y, count);
    }
  }
}

void gate_pixels(const GateJob& job, int64_t first, int64_t last) {
  if (job.residual == nullptr) gate_pixels<false>(job, first, last);
  else gate_pixels<true>(job, first, last);
}

}  // namespace
}  // namespace densehybrid
