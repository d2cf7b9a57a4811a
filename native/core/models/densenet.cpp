#include "models/densenet.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d.h>

#include <utility>

#include "models/checkpoint.h"

namespace densehybrid {

DenseNet::DenseNet(StateDict& state, const std::string& prefix, const DenseNetSpec& spec) : pools_(spec.pools) {
  const std::string root = (prefix.empty() ? "" : prefix + ".") + "features.";
  stem_ = std::make_unique<Conv2d>(state, root + "conv0",
                                   ConvSpec{.in = 3, .out = spec.initial_features, .kernel = 7, .stride = 2});
  stem_norm_ = std::make_unique<BatchNorm2d>(state, root + "norm0", spec.initial_features);
  growth_ = spec.growth;
  channels_ = spec.initial_features;
  for (size_t b = 0; b < spec.blocks.size(); ++b) {
    const std::string number = std::to_string(b + 1);
    auto& block = blocks_.emplace_back();
    for (int64_t l = 0; l < spec.blocks[b]; ++l) {
      const std::string name = root + "denseblock" + number + ".denselayer" + std::to_string(l + 1) + ".";
      const int64_t middle = spec.bottleneck * spec.growth;
      NormReluConv squeeze(state, name + "norm1", name + "conv1", {.in = channels_, .out = middle});
      NormReluConv grow(state, name + "norm2", name + "conv2", {.in = middle, .out = spec.growth, .kernel = 3});
      block.push_back({std::move(squeeze), std::move(grow)});
      channels_ += spec.growth;
    }
    if (b + 1 == spec.blocks.size()) break;
    skip_channels_.push_back(channels_);
    transitions_.emplace_back(state, root + "transition" + number, ConvSpec{.in = channels_, .out = channels_ / 2});
    channels_ /= 2;
  }
}

BackboneFeatures DenseNet::forward(const at::Tensor& image, const ForwardContext& context) const {
  const bool ladder = pools_ == DenseNetSpec::Pools::ladder;
  if (ladder && takes_fused_path(image, context)) return forward_fused(image, context);
  at::Tensor x = stem_norm_->forward(stem_->forward(image), context).relu_();
  x = ladder ? at::max_pool2d(x, {2, 2}, {2, 2}) : at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
  const auto probe = [&](const std::string& stage) {
    if (!ladder) context.probe("probe.features." + stage, x);
  };
  probe("pool0");
  BackboneFeatures features;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    context.cancel.check();
    x = run_checkpointed(x, blocks_[b].front().squeeze.conv().weight(), context,
                         [this, b](const at::Tensor& input, const ForwardContext& inner) { return run_block(b, input, inner); });
    const std::string number = std::to_string(b + 1);
    probe("denseblock" + number);
    if (b == transitions_.size()) break;
    context.probe("probe.skip" + std::to_string(b), x);
    features.skips.push_back(x);
    x = transitions_[b].forward(x, context);
    x = ladder ? at::avg_pool2d(x, {3, 3}, {2, 2}, {1, 1}, /*ceil_mode=*/false, /*count_include_pad=*/false)
               : at::avg_pool2d(x, {2, 2}, {2, 2});
    probe("transition" + number);
  }
  context.probe("probe.backbone_out", x);
  features.deepest = x;
  return features;
}

at::Tensor DenseNet::run_block(size_t b, at::Tensor x, const ForwardContext& context) const {
  for (const Layer& layer : blocks_[b]) {
    x = at::cat({x, layer.grow.forward(layer.squeeze.forward(x, context), context)}, 1);
  }
  return x;
}

BackboneFeatures DenseNet::forward_fused(const at::Tensor& image, const ForwardContext& context) const {
  BackboneFeatures features;
  at::Tensor stem = stem_->fused(image.to(product_dtype(image.scalar_type())), {});
  int64_t channels = stem.size(1);
  int64_t height = stem.size(2) / 2;
  int64_t width = stem.size(3) / 2;
  at::Tensor pooled;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const int64_t total = b < skip_channels_.size() ? skip_channels_[b] : channels_;
    const at::Tensor block =
        at::empty({image.size(0), total, height, width}, image.options(), at::MemoryFormat::ChannelsLast);
    const at::Tensor start = block.narrow(1, 0, channels);
    if (b == 0) norm_relu_max_pool(std::exchange(stem, {}), stem_norm_->map(), start);
    else transitions_[b - 1].conv().fused(std::exchange(pooled, {}), {}, start);
    for (const Layer& layer : blocks_[b]) {
      context.cancel.check();
      const NormRelu before = layer.squeeze.norm().map();
      const NormRelu after = layer.grow.norm().map();
      const at::Tensor squeezed =
          layer.squeeze.conv().fused(block.narrow(1, 0, channels), {.before = &before, .after = &after});
      layer.grow.conv().fused(squeezed, {}, block.narrow(1, channels, growth_));
      channels += growth_;
    }
    if (b == transitions_.size()) {
      features.deepest = block;
      break;
    }
    context.probe("probe.skip" + std::to_string(b), block);
    features.skips.push_back(block);
    // The transition's convolution comes after its pool here: both are linear, and it has a quarter of the pixels left.
    height = (height + 1) / 2;
    width = (width + 1) / 2;
    pooled = at::empty({image.size(0), total, height, width}, image.options(), at::MemoryFormat::ChannelsLast);
    norm_relu_average_pool(block, transitions_[b].norm().map(), pooled);
    channels = total / 2;
  }
  context.probe("probe.backbone_out", features.deepest);
  return features;
}

}  // namespace densehybrid
