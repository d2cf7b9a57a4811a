#pragma once

#include <ATen/core/Tensor.h>

#include "ops/norm_relu/norm_relu.h"

namespace densehybrid {

// What surrounds a 1×1 convolution: y = after(W · before(x) + addend); null or undefined: absent. An addend of another
// size is resized (addend_fits).
struct PointwiseSurroundings {
  const NormRelu* before = nullptr;
  at::Tensor addend = {};
  const NormRelu* after = nullptr;  // needed with an addend
};

// 1×1 convolution of N×in×H×W into `out` N×out×H×W as matrix products over tiles of pixels. A tile stays in the
// second-level cache from `before` to `after`, so the maps between them are never written to memory.
// On the CPU without gradients; all maps are pixel matrices of one dtype, float32 or bf16. `weight`, out×in, has that
// dtype, or float32 for products in float32 of maps in bf16.
void pointwise_conv(const at::Tensor& x, const at::Tensor& weight, const PointwiseSurroundings& around,
                    const at::Tensor& out);

}  // namespace densehybrid
