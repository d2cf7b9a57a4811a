// Where bilinear interpolation along one axis looks: the one truth for BilinearAxis and for CUDA threads.
#pragma once

#include <stdint.h>

#include "simd/scalar_math.h"

namespace densehybrid {

struct BilinearScale {
  int64_t inputs = 0;
  int64_t outputs = 0;
  bool align_corners = false;
  float step = 0.0f;  // inputs per output
};

// Output = w0 · input[i0] + w1 · input[i1].
struct BilinearPosition {
  int32_t i0;
  int32_t i1;
  float w0;
  float w1;
};

// Outputs [first, last).
struct BilinearRange {
  int64_t first;
  int64_t last;
};

namespace {

inline BilinearScale bilinear_scale(int64_t inputs, int64_t outputs, bool align_corners) {
  float step = static_cast<float>(inputs) / static_cast<float>(outputs);
  if (align_corners) step = outputs > 1 ? static_cast<float>(inputs - 1) / static_cast<float>(outputs - 1) : 0.0f;
  return {inputs, outputs, align_corners, step};
}

DENSEHYBRID_PIXEL BilinearPosition bilinear_position(const BilinearScale& scale, int64_t output) {
  const auto position = static_cast<float>(output);
#if defined(__CUDA_ARCH__)
  // Without contraction to fused multiply-adds, which would give other bits than the host.
  const float corner = __fmul_rn(scale.step, position);
  const float centre = __fsub_rn(__fmul_rn(scale.step, __fadd_rn(position, 0.5f)), 0.5f);
#else
  const float corner = scale.step * position;
  const float centre = scale.step * (position + 0.5f) - 0.5f;
#endif
  const float source = scale.align_corners ? corner : max(centre, 0.0f);
  const auto whole = static_cast<int64_t>(source);
  const int64_t first = whole < scale.inputs - 1 ? whole : scale.inputs - 1;
  const float rest = source - static_cast<float>(first);
  const float fraction = rest < 1.0f ? max(rest, 0.0f) : 1.0f;
  const bool single = fraction == 0.0f || first + 1 >= scale.inputs;
  const float w1 = single ? 0.0f : fraction;
  return {static_cast<int32_t>(first), static_cast<int32_t>(single ? first : first + 1), 1.0f - w1, w1};
}

// What `input` weighs in an output at `position`.
DENSEHYBRID_PIXEL float bilinear_weight(const BilinearPosition& position, int64_t input) {
  return (position.i0 == input ? position.w0 : 0.0f) + (position.i1 == input ? position.w1 : 0.0f);
}

// The outputs that name `input`, i0 ≤ input ≤ i1: one run, because i0 and i1 never fall along an axis. Found by bisection
// over the positions themselves, so that no rounding of an inverse can miss one.
DENSEHYBRID_PIXEL BilinearRange bilinear_outputs(const BilinearScale& scale, int64_t input) {
  BilinearRange range = {0, 0};
  int64_t end = scale.outputs;
  while (range.first < end) {
    const int64_t middle = range.first + (end - range.first) / 2;
    if (bilinear_position(scale, middle).i1 < input) range.first = middle + 1;
    else end = middle;
  }
  range.last = range.first;
  end = scale.outputs;
  while (range.last < end) {
    const int64_t middle = range.last + (end - range.last) / 2;
    if (bilinear_position(scale, middle).i0 <= input) range.last = middle + 1;
    else end = middle;
  }
  return range;
}

}  // namespace
}  // namespace densehybrid
