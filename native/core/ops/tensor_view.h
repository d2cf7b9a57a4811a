#pragma once

#include <ATen/core/Tensor.h>

#include "ops/plane_view.h"

namespace densehybrid {

// Do the CPU kernels take this tensor?
inline bool has_cpu_kernel(const at::Tensor& tensor) {
  return tensor.is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

// Is there a kernel for this tensor where it lies? On CUDA only a build with nvcc has them.
inline bool has_kernel(const at::Tensor& tensor) {
#if defined(DENSEHYBRID_CUDA)
  if (tensor.is_cuda()) return tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16;
#endif
  return has_cpu_kernel(tensor);
}

// Of two tensors together: kernels do not reach across devices.
inline bool has_kernel(const at::Tensor& a, const at::Tensor& b) {
  return has_kernel(a) && has_kernel(b) && a.device() == b.device();
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

namespace detail {

template <typename Pointer>
BatchView<Pointer> batch_view(const at::Tensor& tensor, Pointer data) {
  return {data,
          tensor.scalar_type() == at::kBFloat16,
          tensor.stride(0),
          tensor.stride(1),
          tensor.stride(2),
          tensor.stride(3)};
}

}  // namespace detail

// An N×C×h×w tensor of any memory format, for reading and for writing.
inline BatchView<const void*> batch_view(const at::Tensor& tensor) {
  return detail::batch_view(tensor, tensor.const_data_ptr());
}
inline BatchView<void*> mutable_batch_view(const at::Tensor& tensor) {
  return detail::batch_view(tensor, tensor.mutable_data_ptr());
}

}  // namespace densehybrid
