#include "flow/bijection.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/square.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numbers>

namespace densehybrid {

at::Tensor sum_per_patch(const at::Tensor& x) { return x.flatten(1).sum(1).to(at::kDouble); }

at::Tensor for_every_patch(const at::Tensor& scalar, int64_t patches) {
  return scalar.to(at::kDouble).reshape({1}).expand({patches});
}

at::Tensor no_log_det(const at::Tensor& x) {
  return at::zeros({x.size(0)}, at::TensorOptions().dtype(at::kDouble).device(x.device()));
}

at::Tensor standard_normal_log_prob(const at::Tensor& x) {
  const double dimensions = static_cast<double>(x.numel() / std::max<int64_t>(x.size(0), 1));
  return sum_per_patch(at::square(x)) * -0.5 - 0.5 * std::log(2.0 * std::numbers::pi) * dimensions;
}

at::Tensor bounded_log_scale(const at::Tensor& unconstrained) { return at::tanh(unconstrained * 0.5) * 2.0; }

}  // namespace densehybrid
