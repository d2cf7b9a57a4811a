#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "common/cpu_path.h"

namespace densehybrid {

// The affine coupling and the channel switch after it, [x1, x2] → [shift + exp(s) · x2, x1], s = 2 · tanh(u/2), and back.
// x1 are the first ⌈C/2⌉ channels; `parameters` are N×2⌊C/2⌋×H×W: channel 2j is u of x2[j], channel 2j + 1 its shift.
// On the CPU without gradients. Maps are pixel matrices (is_pixel_matrix) in float32; x and z, N×C×H×W, are two tensors.

// x → z; Σ s of every image, N, float64.
at::Tensor affine_coupling(const at::Tensor& x, const at::Tensor& parameters, const at::Tensor& z,
                           std::optional<CpuPath> cpu_path = {});
// z → x
void affine_coupling_inverse(const at::Tensor& z, const at::Tensor& parameters, const at::Tensor& x,
                             std::optional<CpuPath> cpu_path = {});

}  // namespace densehybrid
