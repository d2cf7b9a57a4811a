#include "flow/coupling.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>

#include "ops/affine_coupling/affine_coupling.h"

namespace densehybrid {
namespace {

CouplingNetSpec sized(CouplingNetSpec spec, int64_t in, int64_t out) {
  spec.in = in;
  spec.out = out;
  return spec;
}

}  // namespace

AffineCoupling::AffineCoupling(StateDict& state, const std::string& prefix, int64_t channels, CouplingNetSpec spec,
                               int64_t context_channels, const std::string& net)
    : kept_((channels + 1) / 2),
      changed_(channels / 2),
      net_(state, prefix + net, sized(spec, kept_ + context_channels, 2 * changed_)) {}

AffineCoupling::Parameters AffineCoupling::parameters(const at::Tensor& kept, const at::Tensor& condition,
                                                      FlowContext& context) const {
  const at::Tensor input =
      condition.defined() ? at::cat({kept, condition}, 1) : kept.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor output = net_.forward(input, context);
  context.probe("net", output);
  return {bounded_log_scale(output.slice(1, 0, std::nullopt, 2)), output.slice(1, 1, std::nullopt, 2)};
}

FlowStep AffineCoupling::conditioned(const at::Tensor& x, const at::Tensor& condition, FlowContext& context) const {
  const at::Tensor kept = x.narrow(1, 0, kept_);
  const auto [log_scale, shift] = parameters(kept, condition, context);
  const at::Tensor changed = shift + at::exp(log_scale) * x.narrow(1, kept_, changed_);
  return {at::cat({kept, changed}, 1), sum_per_patch(log_scale)};
}

at::Tensor AffineCoupling::inverse(const at::Tensor& z, FlowContext& context) const {
  const at::Tensor kept = z.narrow(1, 0, kept_);
  const auto [log_scale, shift] = parameters(kept, {}, context);
  return at::cat({kept, (z.narrow(1, kept_, changed_) - shift) * at::exp(-log_scale)}, 1);
}

FlowStep AffineCoupling::fused(const at::Tensor& x, FlowContext& context) const {
  const at::Tensor z = at::empty_like(x, at::MemoryFormat::ChannelsLast);
  const at::Tensor log_det = affine_coupling(x, net_.forward(x.narrow(1, 0, kept_), context), z);
  return {z, log_det};
}

at::Tensor AffineCoupling::fused_inverse(const at::Tensor& z, FlowContext& context) const {
  const at::Tensor x = at::empty_like(z, at::MemoryFormat::ChannelsLast);
  affine_coupling_inverse(z, net_.forward(z.narrow(1, changed_, kept_), context), x);
  return x;
}

}  // namespace densehybrid
