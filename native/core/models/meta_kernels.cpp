#include "models/meta_kernels.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <vector>

namespace densehybrid {
namespace {

using c10::IValue;
using Arguments = std::vector<IValue>;

// Kernels take their arguments boxed, as libtorch's versions differ in the C++ types of some.
template <Arguments (*kernel)(const Arguments&)>
void boxed(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const size_t count = op.schema().arguments().size();
  const auto first = stack->end() - static_cast<std::ptrdiff_t>(count);
  const Arguments arguments(first, stack->end());
  stack->erase(first, stack->end());
  for (IValue& result : kernel(arguments)) stack->push_back(std::move(result));
}

at::Tensor vector_like(const at::Tensor& x, int64_t size) { return at::empty({size}, x.options()); }

// (x, weight, bias, stride, padding, dilation, …)
Arguments convolution(const Arguments& arguments) {
  const at::Tensor x = arguments[0].toTensor();
  const at::Tensor weight = arguments[1].toTensor();
  const auto stride = arguments[3].toIntVector();
  const auto padding = arguments[4].toIntVector();
  const auto dilation = arguments[5].toIntVector();
  std::vector<int64_t> sizes = {x.size(0), weight.size(0)};
  for (size_t i = 0; i < 2; ++i) {
    const auto axis = static_cast<int64_t>(i) + 2;
    sizes.push_back((x.size(axis) + 2 * padding[i] - dilation[i] * (weight.size(axis) - 1) - 1) / stride[i] + 1);
  }
  // One product for every output pixel and value of the weight; groups are left out in the weight's shape already.
  MetaKernels::convolution_flops() += 2.0 * static_cast<double>(sizes[0] * sizes[2] * sizes[3]) * static_cast<double>(weight.numel());
  return {at::empty(sizes, x.options(), x.suggest_memory_format())};
}

// (gradient, x, weight, …, output_mask)
Arguments convolution_backward(const Arguments& arguments) {
  const at::Tensor gradient = arguments[0].toTensor();
  const auto wanted = arguments.back().toBoolList();
  return {wanted[0] ? at::empty_like(arguments[1].toTensor()) : at::Tensor(),
          wanted[1] ? at::empty_like(arguments[2].toTensor()) : at::Tensor(),
          wanted[2] ? vector_like(gradient, gradient.size(1)) : at::Tensor()};
}

// (x, weight, bias, running_mean, running_var, training, …)
Arguments batch_norm(const Arguments& arguments) {
  const at::Tensor x = arguments[0].toTensor();
  const int64_t saved = arguments[5].toBool() ? x.size(1) : 0;
  return {at::empty_like(x), vector_like(x, saved), vector_like(x, saved)};
}

// (gradient, x, …, output_mask)
Arguments batch_norm_backward(const Arguments& arguments) {
  const at::Tensor x = arguments[1].toTensor();
  const auto wanted = arguments.back().toBoolList();
  const auto vector = [&](bool want) { return want ? vector_like(x, x.size(1)) : at::Tensor(); };
  return {wanted[0] ? at::empty_like(x) : at::Tensor(), vector(wanted[1]), vector(wanted[2])};
}

// (x, [height, width])
Arguments adaptive_average_pool(const Arguments& arguments) {
  const at::Tensor x = arguments[0].toTensor();
  const auto size = arguments[1].toIntVector();
  return {at::empty({x.size(0), x.size(1), size[0], size[1]}, x.options(), x.suggest_memory_format())};
}

// (gradient, x)
Arguments like_second(const Arguments& arguments) { return {at::empty_like(arguments[1].toTensor())}; }

// In place: the argument itself.
Arguments first(const Arguments& arguments) { return {arguments[0]}; }

// (gradient, …)
Arguments like_first(const Arguments& arguments) { return {at::empty_like(arguments[0].toTensor())}; }

template <Arguments (*kernel)(const Arguments&)>
torch::CppFunction kernel_of() {
  return torch::CppFunction::makeFromBoxedFunction<&boxed<kernel>>();
}

}  // namespace

double& MetaKernels::convolution_flops() {
  static thread_local double flops = 0.0;
  return flops;
}

MetaKernels::MetaKernels() : library_(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__) {
  library_.impl("convolution_overrideable", kernel_of<convolution>());
  library_.impl("convolution_backward_overrideable", kernel_of<convolution_backward>());
  library_.impl("native_batch_norm", kernel_of<batch_norm>());
  library_.impl("native_batch_norm_backward", kernel_of<batch_norm_backward>());
  library_.impl("_adaptive_avg_pool2d", kernel_of<adaptive_average_pool>());
  library_.impl("_adaptive_avg_pool2d_backward", kernel_of<like_second>());
  library_.impl("relu_", kernel_of<first>());
  library_.impl("hardtanh_", kernel_of<first>());
  library_.impl("hardtanh_backward", kernel_of<like_first>());
}

}  // namespace densehybrid
