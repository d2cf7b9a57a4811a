#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "common/cpu_path.h"

namespace densehybrid {

// out = a + b · sigmoid(c) + residual, [a, b, c] = parts + bias; an undefined residual is 0.
// On the CPU without gradients. Maps are pixel matrices (is_pixel_matrix) in float32: `parts` N×3C×H×W, the others
// N×C×H×W; `bias` 3C.
void gate(const at::Tensor& parts, const at::Tensor& bias, const at::Tensor& residual, const at::Tensor& out,
          std::optional<CpuPath> cpu_path = {});

}  // namespace densehybrid
