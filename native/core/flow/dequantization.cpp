#include "flow/dequantization.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/log.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>

#include <cmath>

#include "flow/squeeze.h"

namespace densehybrid {
namespace {

constexpr double kLevels = 256.0;
constexpr int64_t kSteps = 4;
constexpr int64_t kChannels = 12;  // of noise at half the resolution
constexpr int64_t kFeatures = 64;  // of the image, for the couplings

// −ln 256, which state dicts carry.
at::Tensor add_log_det_per_dimension(StateDict& state, const std::string& prefix) {
  return state.add_constant(prefix + "ldj_per_dim", {}, -std::log(kLevels), false);
}

at::Tensor log_det_of_levels(const at::Tensor& per_dimension, const at::Tensor& x) {
  const double dimensions = static_cast<double>(x.size(1) * x.size(2) * x.size(3));
  return for_every_patch(per_dimension.to(at::kDouble) * dimensions, x.size(0));
}

}  // namespace

UniformDequantization::UniformDequantization(StateDict& state, const std::string& prefix)
    : log_det_per_dimension_(add_log_det_per_dimension(state, prefix)) {}

FlowStep UniformDequantization::forward(const at::Tensor& x, FlowContext& context) const {
  return {(x + context.draws.uniform(x.sizes(), x)) / kLevels, log_det_of_levels(log_det_per_dimension_, x)};
}

VariationalDequantization::VariationalDequantization(StateDict& state, const std::string& prefix, int64_t depth,
                                                     int64_t growth)
    : log_det_per_dimension_(add_log_det_per_dimension(state, prefix)),
      base_(state, prefix + "encoder.base_dist.", kChannels) {
  const CouplingNetSpec net{.mid = kFeatures, .depth = depth, .growth = growth};
  for (int64_t i = 0; i <= kSteps; ++i) {
    rotations_.emplace_back(state, prefix + "encoder.transforms." + std::to_string(2 * i) + ".", kChannels);
    if (i == kSteps) break;
    couplings_.push_back(std::make_unique<AffineCoupling>(
        state, prefix + "encoder.transforms." + std::to_string(2 * i + 1) + ".", kChannels, net, kFeatures,
        "coupling_net.0."));
  }
  temperature_ = state.add_constant(prefix + "encoder.transforms.10.temperature", {1}, 1.0, false);
  const std::string context = prefix + "encoder.context_init.";
  context_layers_.emplace_back(state, context + "1.", 3, kFeatures, 4, 16);
  halve_.emplace(state, context + "2",
                 ConvSpec{.in = kFeatures, .out = kFeatures, .kernel = 2, .stride = 2, .bias = true});
  context_layers_.emplace_back(state, context + "3.", kFeatures, kFeatures, 4, 16);
}

at::Tensor VariationalDequantization::features(const at::Tensor& x, const ForwardContext& context) const {
  const at::Tensor scaled = x * (2.0 / (kLevels - 1.0)) - 1.0;
  const at::Tensor half = halve_->forward(context_layers_.front().forward(scaled, context));
  return context_layers_.back().forward(half, context);
}

FlowStep VariationalDequantization::forward(const at::Tensor& x, FlowContext& context) const {
  const at::Tensor condition = features(x, context);
  at::Tensor u = base_.sample(x.size(0), x.size(2) / 2, x.size(3) / 2, context.draws);
  at::Tensor log_q = base_.log_prob(u);
  const auto take = [&](const FlowStep& step) {
    u = step.value;
    log_q = log_q - step.log_det;
  };
  for (size_t i = 0; i < couplings_.size(); ++i) {
    take(rotations_[i].forward(u, context));
    take(couplings_[i]->conditioned(u, condition, context));
  }
  take(rotations_.back().forward(u, context));
  const at::Tensor logit = unsqueeze2d(u) * temperature_;
  // ln σ'(a) = −softplus(−a) − softplus(a), finite where σ rounds to 0 or 1.
  const at::Tensor log_slope = at::log(temperature_) - at::softplus(-logit) - at::softplus(logit);
  take({at::sigmoid(logit), sum_per_patch(log_slope)});
  context.probe("context", condition);
  context.probe("u", u);
  context.probe("log_q", log_q);
  return {(x + u) / kLevels, log_det_of_levels(log_det_per_dimension_, x) - log_q};
}

at::Tensor quantise(const at::Tensor& continuous) {
  return at::clamp(at::floor(continuous.detach() * kLevels), 0.0, kLevels - 1.0).to(at::kByte);
}

}  // namespace densehybrid
