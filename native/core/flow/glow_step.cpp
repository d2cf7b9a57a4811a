#include "flow/glow_step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/slogdet.h>

#include "ops/pointwise_conv/pointwise_conv.h"

namespace densehybrid {

GlowStep::GlowStep(StateDict& state, const std::string& prefix, int64_t channels, const CouplingNetSpec& net)
    : norm_(state, prefix + "0.", channels),
      rotation_(state, prefix + "1.", channels),
      coupling_(state, prefix + "2.", channels, net) {}

FlowStep GlowStep::forward(const at::Tensor& x, FlowContext& context) const {
  if (!takes_fused_path(x, context)) {
    FlowStep step{x, no_log_det(x)};
    for (const Bijection* bijection : {static_cast<const Bijection*>(&norm_), static_cast<const Bijection*>(&rotation_),
                                       static_cast<const Bijection*>(&coupling_), static_cast<const Bijection*>(&switch_)}) {
      const FlowStep next = bijection->forward(step.value, context);
      step = {next.value, step.log_det + next.log_det};
    }
    return step;
  }
  // The shift is subtracted before the product: where the scale is tiny, the product of what is left is exact.
  const NormRelu centre(-norm_.shift().flatten(), -NormRelu::kInfinity);
  const at::Tensor rotated = at::empty_like(x, at::MemoryFormat::ChannelsLast);
  pointwise_conv(x, matrix(), {.before = &centre}, rotated);
  const FlowStep coupled = coupling_.fused(rotated, context);
  return {coupled.value, coupled.log_det + log_det_of_pixel() * static_cast<double>(x.size(2) * x.size(3))};
}

at::Tensor GlowStep::inverse(const at::Tensor& z, FlowContext& context) const {
  if (!takes_fused_path(z, context)) {
    const at::Tensor rotated = coupling_.inverse(switch_.inverse(z, context), context);
    return norm_.inverse(rotation_.inverse(rotated, context), context);
  }
  const at::Tensor matrix = inverse_matrix();
  const at::Tensor rotated = coupling_.fused_inverse(z, context);
  const NormRelu shift(norm_.shift().flatten(), -NormRelu::kInfinity);
  const at::Tensor x = at::empty_like(z, at::MemoryFormat::ChannelsLast);
  pointwise_conv(rotated, matrix, {.after = &shift}, x);
  return x;
}

// Determinant and inverse in float64, as without the cache.
at::Tensor GlowStep::matrix() const {
  return kept(matrix_, at::kFloat, [&] {
    return rotation_.weight().to(at::kDouble) * at::exp(-norm_.log_scale().to(at::kDouble)).view({1, -1});
  });
}

at::Tensor GlowStep::inverse_matrix() const {
  return kept(inverse_matrix_, at::kFloat, [&] {
    return at::exp(norm_.log_scale().to(at::kDouble)).view({-1, 1}) * at::linalg_inv(rotation_.weight().to(at::kDouble));
  });
}

at::Tensor GlowStep::log_det_of_pixel() const {
  return kept(log_det_, at::kDouble, [&] {
    return std::get<1>(at::slogdet(rotation_.weight().to(at::kDouble))) - norm_.log_scale().to(at::kDouble).sum();
  });
}

at::Tensor GlowStep::kept(const WeightCache& cache, at::ScalarType dtype, const std::function<at::Tensor()>& make) const {
  return cache.get({norm_.shift(), norm_.log_scale(), norm_.initialised_flag(), rotation_.weight()}, dtype, [&] {
    norm_.require_initialised();
    return make().to(dtype).contiguous();
  });
}

}  // namespace densehybrid
