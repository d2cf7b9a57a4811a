#include "ops/bilinear.h"

#include <algorithm>

namespace densehybrid {

BilinearAxis bilinear_axis(int64_t inputs, int64_t outputs, bool align_corners) {
  BilinearAxis axis;
  axis.inputs = inputs;
  axis.outputs = outputs;
  const int64_t padded = (outputs + 15) / 16 * 16;
  for (auto* indices : {&axis.i0, &axis.i1}) indices->resize(static_cast<size_t>(padded));
  for (auto* weights : {&axis.w0, &axis.w1}) weights->resize(static_cast<size_t>(padded));
  float scale = static_cast<float>(inputs) / static_cast<float>(outputs);
  if (align_corners) scale = outputs > 1 ? static_cast<float>(inputs - 1) / static_cast<float>(outputs - 1) : 0.0f;
  for (int64_t i = 0; i < padded; ++i) {
    const auto position = static_cast<float>(std::min(i, outputs - 1));
    const float source = align_corners ? scale * position : std::max(scale * (position + 0.5f) - 0.5f, 0.0f);
    const auto k = static_cast<size_t>(i);
    const int64_t first = std::min(static_cast<int64_t>(source), inputs - 1);
    const float fraction = std::min(std::max(source - static_cast<float>(first), 0.0f), 1.0f);
    const bool single = fraction == 0.0f || first + 1 >= inputs;
    axis.i0[k] = static_cast<int32_t>(first);
    axis.i1[k] = static_cast<int32_t>(single ? first : first + 1);
    axis.w1[k] = single ? 0.0f : fraction;
    axis.w0[k] = 1.0f - axis.w1[k];
  }
  return axis;
}

}  // namespace densehybrid
