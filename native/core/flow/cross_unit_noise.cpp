#include "flow/cross_unit_noise.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>

namespace densehybrid {

CrossUnitNoise::CrossUnitNoise(StateDict& state, const std::string& prefix, int64_t seen_channels, int64_t growth)
    : growth_(growth),
      first_(state, prefix + "transformation.0",
             {.in = seen_channels, .out = 4 * seen_channels, .kernel = 3, .bias = true}),
      last_(state, prefix + "transformation.2", {.in = 4 * seen_channels, .out = 2 * growth, .bias = true, .zero = true}) {}

at::Tensor CrossUnitNoise::parameters(const at::Tensor& seen, const ForwardContext& context) const {
  if (!takes_fused_path(seen, context)) return last_.forward(first_.forward(seen, Activation::relu));
  const NormRelu first = first_.bias_map(0.0f);
  const NormRelu last = last_.bias_map(-NormRelu::kInfinity);
  return last_.fused(first_.fused(seen, {.after = &first}), {.after = &last});
}

FlowStep CrossUnitNoise::append(const at::Tensor& x, const at::Tensor& seen, FlowContext& context) const {
  const std::vector<at::Tensor> parts = parameters(seen, context).chunk(2, 1);
  const at::Tensor log_scale = bounded_log_scale(parts[1]);
  const at::Tensor noise = context.draws.normal({x.size(0), growth_, x.size(2), x.size(3)}, x);
  const at::Tensor appended = parts[0] + at::exp(log_scale) * noise;
  return {at::cat({x, appended}, 1), sum_per_patch(log_scale) - standard_normal_log_prob(noise)};
}

}  // namespace densehybrid
