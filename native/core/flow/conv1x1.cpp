#include "flow/conv1x1.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/slogdet.h>

namespace densehybrid {
namespace {

// W x at every pixel, as one matrix product over the pixels of a channels_last map.
at::Tensor at_every_pixel(const at::Tensor& weight, const at::Tensor& x) {
  const int64_t channels = x.size(1);
  const at::Tensor pixels = x.permute({0, 2, 3, 1}).reshape({-1, channels});
  return at::mm(pixels, weight.t()).view({x.size(0), x.size(2), x.size(3), channels}).permute({0, 3, 1, 2});
}

}  // namespace

InvertibleConv1x1::InvertibleConv1x1(StateDict& state, const std::string& prefix, int64_t channels)
    : weight_(state.add_rotation(prefix + "weight", channels)) {}

// Determinant and inverse in float64: the matrix is small, and its condition may have grown in training.
FlowStep InvertibleConv1x1::forward(const at::Tensor& x, FlowContext&) const {
  const double pixels = static_cast<double>(x.size(2) * x.size(3));
  const at::Tensor log_det = std::get<1>(at::slogdet(weight_.to(at::kDouble))) * pixels;
  return {at_every_pixel(weight_, x), for_every_patch(log_det, x.size(0))};
}

at::Tensor InvertibleConv1x1::inverse(const at::Tensor& z, FlowContext&) const {
  return at_every_pixel(at::linalg_inv(weight_.to(at::kDouble)).to(z.scalar_type()), z);
}

}  // namespace densehybrid
