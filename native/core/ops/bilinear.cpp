#include "ops/bilinear.h"

#include <algorithm>

#include "ops/bilinear_position.h"

namespace densehybrid {

BilinearAxis bilinear_axis(int64_t inputs, int64_t outputs, bool align_corners) {
  BilinearAxis axis;
  axis.inputs = inputs;
  axis.outputs = outputs;
  const int64_t padded = (outputs + 15) / 16 * 16;
  for (auto* indices : {&axis.i0, &axis.i1}) indices->resize(static_cast<size_t>(padded));
  for (auto* weights : {&axis.w0, &axis.w1}) weights->resize(static_cast<size_t>(padded));
  const BilinearScale scale = bilinear_scale(inputs, outputs, align_corners);
  for (int64_t i = 0; i < padded; ++i) {
    const BilinearPosition position = bilinear_position(scale, std::min(i, outputs - 1));
    const auto k = static_cast<size_t>(i);
    axis.i0[k] = position.i0;
    axis.i1[k] = position.i1;
    axis.w0[k] = position.w0;
    axis.w1[k] = position.w1;
  }
  return axis;
}

}  // namespace densehybrid
