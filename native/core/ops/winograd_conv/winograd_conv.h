#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "common/cpu_path.h"
#include "ops/norm_relu/norm_relu.h"

namespace densehybrid {

// 3×3 convolution at stride 1, padded by one pixel, without gradients on the CPU: the algorithm F(4×4, 3×3) of Lavin &
// Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), with a quarter of the multiplications.
// A tile of 4×4 outputs y comes from 6×6 inputs d:  y = Aᵀ [ Σ_channels (G g Gᵀ) ⊙ (Bᵀ d B) ] A
// Float32 throughout; bf16 only where maps are read and written.

// Are there enough channels for it to be worth the transforms?
bool winograd_fits(int64_t in, int64_t out);

// G g Gᵀ of every filter of `weight` out×in×3×3, float32, packed for winograd_conv: panels × 36 × in × 32.
at::Tensor winograd_weight(const at::Tensor& weight);

// Convolves x, N×in×H×W, into `out`, N×out×H×W; pixel matrices (is_pixel_matrix) of one dtype, float32 or bf16. `after`
// maps the outputs; null: nothing does.
void winograd_conv(const at::Tensor& x, const at::Tensor& transformed_weight, const at::Tensor& out,
                   const NormRelu* after = nullptr, std::optional<CpuPath> cpu_path = {});

}  // namespace densehybrid
