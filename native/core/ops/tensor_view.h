#pragma once

#include <ATen/core/Tensor.h>

#include "ops/plane_view.h"

namespace densehybrid {

// Do the CPU kernels take this tensor?
inline bool has_cpu_kernel(const at::Tensor& tensor) {
  return tensor.is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

// Image n of an N×C×h×w tensor of any memory format.
inline PlaneView image_view(const at::Tensor& tensor, int64_t n) {
  PlaneView view;
  view.bf16 = tensor.scalar_type() == at::kBFloat16;
  view.data = static_cast<const char*>(tensor.const_data_ptr()) +
              n * tensor.stride(0) * static_cast<int64_t>(tensor.element_size());
  view.channel = tensor.stride(1);
  view.row = tensor.stride(2);
  view.column = tensor.stride(3);
  return view;
}

}  // namespace densehybrid
