#pragma once

#include <cstdint>
#include <vector>

#include "ops/plane_view.h"

namespace densehybrid {

// Bilinear interpolation along one axis: output i = w0[i] · input[i0[i]] + w1[i] · input[i1[i]], w0 + w1 = 1.
// An input that has no weight is never named (i1 = i0), so a NaN beside a pixel stays beside it.
// The arrays are padded to a multiple of 16 by repeating the last entry.
struct BilinearAxis {
  int64_t inputs = 0;
  int64_t outputs = 0;
  std::vector<int32_t> i0, i1;
  std::vector<float> w0, w1;

  AxisView view() const { return {i0.data(), i1.data(), w0.data(), w1.data()}; }
};

// Source positions in float32, as PyTorch computes them for float32 tensors:
//   align_corners: i · (inputs − 1) / (outputs − 1), otherwise max((i + ½) · inputs / outputs − ½, 0).
BilinearAxis bilinear_axis(int64_t inputs, int64_t outputs, bool align_corners);

}  // namespace densehybrid
