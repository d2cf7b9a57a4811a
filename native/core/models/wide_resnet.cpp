#include "models/wide_resnet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/max_pool2d.h>

#include "models/checkpoint.h"

namespace densehybrid {

WideResNet::WideResNet(StateDict& state, const WideResNetSpec& spec) {
  stem_.emplace(state, "mod1.conv1", ConvSpec{.in = 3, .out = spec.stem_channels, .kernel = 3});
  channels_ = spec.stem_channels;
  uint64_t number = 0;
  for (size_t s = 0; s < spec.stages.size(); ++s) {
    const WideResNetSpec::Stage& from = spec.stages[s];
    Stage& stage = stages_.emplace_back(Stage{from.pool, {}});
    for (int64_t b = 0; b < from.blocks; ++b) {
      const std::string name = "mod" + std::to_string(s + 2) + ".block" + std::to_string(b + 1) + ".";
      const bool bottleneck = from.channels.size() == 3;
      const int64_t stride = b == 0 ? from.stride : 1;
      const int64_t inputs = channels_;
      ResidualBlock block{.units = {}, .projection = {}, .dropout = from.dropout, .number = number++};
      for (size_t i = 0; i < from.channels.size(); ++i) {
        const bool wide = !bottleneck || i == 1;  // 3×3
        const std::string place = std::to_string(i + 1);
        block.units.emplace_back(state, name + (i == 0 ? "bn1.0" : "convs.bn" + place + ".0"), name + "convs.conv" + place,
                                 ConvSpec{.in = channels_,
                                          .out = from.channels[i],
                                          .kernel = wide ? 3 : 1,
                                          .stride = i == (bottleneck ? 1 : 0) ? stride : 1,
                                          .dilation = wide ? from.dilation : 1});
        channels_ = from.channels[i];
      }
      if (stride != 1 || inputs != channels_) {
        block.projection.emplace(state, name + "proj_conv", ConvSpec{.in = inputs, .out = channels_, .stride = stride});
      }
      stage.blocks.push_back(std::move(block));
    }
    if (s == 0) skip_channels_ = {channels_};
  }
}

at::Tensor WideResNet::ResidualBlock::forward(const at::Tensor& x, const ForwardContext& context) const {
  if (takes_fused_path(x, context)) return forward_fused(x);
  const at::Tensor activated = units.front().norm().forward(x, context).relu_();
  at::Tensor y = units.front().conv().forward(activated);
  for (size_t i = 1; i < units.size(); ++i) {
    at::Tensor input = units[i].norm().forward(y, context).relu_();
    if (i + 1 == units.size()) input = dropout_channels(input, dropout, number, context);
    y = units[i].conv().forward(input);
  }
  return y + (projection ? projection->forward(activated) : x);
}

at::Tensor WideResNet::ResidualBlock::forward_fused(const at::Tensor& x) const {
  const at::Tensor activated = at::empty_like(x);
  norm_relu(x, units.front().norm().map(), activated);
  at::Tensor y = activated;
  for (size_t i = 0; i < units.size(); ++i) {
    if (i + 1 == units.size()) {
      y = units[i].conv().fused(y, {});
    } else {
      const NormRelu after = units[i + 1].norm().map();
      y = units[i].conv().fused(y, {.after = &after});
    }
  }
  return y.add_(projection ? projection->fused(activated, {}) : x);
}

BackboneFeatures WideResNet::forward(const at::Tensor& image, const ForwardContext& context) const {
  BackboneFeatures features;
  at::Tensor x = takes_fused_path(image, context) ? stem_->fused(image, {}) : stem_->forward(image);
  for (const Stage& stage : stages_) {
    if (stage.pool) x = at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
    for (const ResidualBlock& block : stage.blocks) {
      context.cancel.check();
      x = run_checkpointed(x, block.units.front().conv().weight(), context,
                           [&block](const at::Tensor& input, const ForwardContext& inner) { return block.forward(input, inner); });
    }
    if (features.skips.empty()) {
      context.probe("probe.mod2", x);
      features.skips.push_back(x);
    }
  }
  context.probe("probe.mod7", x);
  features.deepest = x;
  return features;
}

}  // namespace densehybrid
