#include "flow/conv_normal.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>

namespace densehybrid {

ConvNormal::ConvNormal(StateDict& state, const std::string& prefix, int64_t channels)
    : loc_(state.add_constant(prefix + "loc", {1, channels, 1, 1}, 0.0, true)),
      log_scale_(state.add_constant(prefix + "log_scale", {1, channels, 1, 1}, 0.0, true)) {}

at::Tensor ConvNormal::log_prob(const at::Tensor& x) const {
  const double pixels = static_cast<double>(x.size(2) * x.size(3));
  return standard_normal_log_prob((x - loc_) * at::exp(-log_scale_)) - log_scale_.sum().to(at::kDouble) * pixels;
}

at::Tensor ConvNormal::sample(int64_t n, int64_t height, int64_t width, Draws& draws) const {
  return loc_ + at::exp(log_scale_) * draws.normal({n, loc_.size(1), height, width}, loc_);
}

}  // namespace densehybrid
