#include "flow/dense_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

namespace densehybrid {

DenseBlock::DenseBlock(StateDict& state, const std::string& prefix, const DenseBlockSpec& spec)
    : channels_(spec.channels) {
  int64_t seen = spec.channels;
  for (int64_t i = 1; i < spec.units; ++i) {
    noise_.emplace_back(state, prefix + "noise_params." + std::to_string(i - 1) + ".", seen, spec.growth);
    seen += spec.channels + (i - 1) * spec.growth;  // what the unit before puts out
  }
  for (int64_t i = 0; i < spec.units; ++i) {
    if (i > 0) channels_ += spec.growth;
    auto& unit = units_.emplace_back();
    for (int64_t j = 0; j < spec.layers; ++j) {
      const std::string name =
          prefix + "blocks." + std::to_string(i) + ".transforms." + std::to_string(j) + ".transforms.";
      unit.push_back(std::make_unique<GlowStep>(state, name, channels_, spec.net));
      norms_.push_back(&unit.back()->norm());
    }
  }
}

FlowStep DenseBlock::forward(const at::Tensor& input, FlowContext& context) const {
  FlowStep step{input, no_log_det(input)};
  const auto take = [&](const FlowStep& next) { step = {next.value, step.log_det + next.log_det}; };
  std::vector<at::Tensor> seen = {input};
  for (size_t i = 0; i < units_.size(); ++i) {
    if (i > 0) {
      const at::Tensor before = step.value;
      take(noise_[i - 1].append(before, at::cat(seen, 1), context));
      seen.push_back(before);
    }
    for (const auto& glow : units_[i]) take(glow->forward(step.value, context));
  }
  return step;
}

at::Tensor DenseBlock::inverse(const at::Tensor& z, FlowContext& context) const {
  at::Tensor x = z;
  for (size_t i = units_.size(); i-- > 0;) {
    for (size_t j = units_[i].size(); j-- > 0;) x = units_[i][j]->inverse(x, context);
    if (i > 0) x = noise_[i - 1].remove(x);
  }
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace densehybrid
