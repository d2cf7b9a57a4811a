#include "models/densenet.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>

namespace densehybrid {

DenseNet::DenseNet(StateDict& state, const std::string& prefix, const DenseNetSpec& spec) {
  const std::string root = prefix + ".features.";
  stem_ = std::make_unique<Conv2d>(state, root + "conv0",
                                   ConvSpec{.in = 3, .out = spec.initial_features, .kernel = 7, .stride = 2});
  stem_norm_ = std::make_unique<BatchNorm2d>(state, root + "norm0", spec.initial_features);
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
  at::Tensor x = stem_norm_->forward(stem_->forward(image), context).relu_();
  x = at::max_pool2d(x, {2, 2}, {2, 2});
  BackboneFeatures features;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    context.cancel.check();
    for (const Layer& layer : blocks_[b]) {
      x = at::cat({x, layer.grow.forward(layer.squeeze.forward(x, context), context)}, 1);
    }
    if (b == transitions_.size()) break;
    context.probe("probe.skip" + std::to_string(b), x);
    features.skips.push_back(x);
    x = at::avg_pool2d(transitions_[b].forward(x, context), {3, 3}, {2, 2}, {1, 1}, /*ceil_mode=*/false,
                       /*count_include_pad=*/false);
  }
  context.probe("probe.backbone_out", x);
  features.deepest = x;
  return features;
}

}  // namespace densehybrid
