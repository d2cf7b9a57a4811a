#include "models/resnet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/max_pool2d.h>

#include "models/checkpoint.h"

namespace densehybrid {

ResNet::ResNet(StateDict& state, const std::string& prefix, const ResNetSpec& spec) {
  const std::string root = prefix.empty() ? "" : prefix + ".";
  stem_.emplace(state, root + "conv1", root + "bn1", ConvSpec{.in = 3, .out = 64, .kernel = 7, .stride = 2},
                Activation::relu);
  channels_ = 64;
  int64_t stride_so_far = 4;  // of the max-pool's output
  int64_t dilation = 1;
  for (size_t s = 0; s < spec.blocks.size(); ++s) {
    const int64_t middle = int64_t{64} << s;
    const int64_t out = spec.bottleneck ? 4 * middle : middle;
    int64_t stage_stride = s == 0 ? 1 : 2;
    // The first block of a stage that keeps its resolution still sees the dilation of the stage before.
    int64_t first_dilation = dilation;
    if (stage_stride == 2 && stride_so_far == spec.output_stride) {
      stage_stride = 1;
      dilation *= 2;
    }
    stride_so_far *= stage_stride;
    auto& stage = stages_.emplace_back();
    for (int64_t b = 0; b < spec.blocks[s]; ++b) {
      const std::string name = root + "layer" + std::to_string(s + 1) + "." + std::to_string(b) + ".";
      const int64_t stride = b == 0 ? stage_stride : 1;
      const int64_t block_dilation = b == 0 ? first_dilation : dilation;
      ResidualBlock block;
      const auto add = [&](int64_t number, const ConvSpec& conv, bool last) {
        block.units.emplace_back(state, name + "conv" + std::to_string(number), name + "bn" + std::to_string(number),
                                 conv, last ? Activation::none : Activation::relu);
      };
      if (spec.bottleneck) {
        add(1, {.in = channels_, .out = middle}, false);
        add(2, {.in = middle, .out = middle, .kernel = 3, .stride = stride, .dilation = block_dilation}, false);
        add(3, {.in = middle, .out = out}, true);
      } else {
        add(1, {.in = channels_, .out = out, .kernel = 3, .stride = stride, .dilation = block_dilation}, false);
        add(2, {.in = out, .out = out, .kernel = 3, .dilation = dilation}, true);
      }
      if (stride != 1 || channels_ != out) {
        block.downsample.emplace(state, name + "downsample.0", name + "downsample.1",
                                 ConvSpec{.in = channels_, .out = out, .stride = stride}, Activation::none);
      }
      channels_ = out;
      stage.push_back(std::move(block));
    }
    if (s + 1 < spec.blocks.size()) skip_channels_.push_back(channels_);
  }
}

at::Tensor ResNet::ResidualBlock::forward(const at::Tensor& x, const ForwardContext& context) const {
  at::Tensor y = x;
  for (const ConvNormActivation& unit : units) y = unit.forward(y, context);
  return y.add_(downsample ? downsample->forward(x, context) : x).relu_();
}

BackboneFeatures ResNet::forward(const at::Tensor& image, const ForwardContext& context) const {
  BackboneFeatures features;
  at::Tensor x = at::max_pool2d(stem_->forward(image, context), {3, 3}, {2, 2}, {1, 1});
  context.probe("probe.maxpool", x);
  for (size_t s = 0; s < stages_.size(); ++s) {
    for (const ResidualBlock& block : stages_[s]) {
      context.cancel.check();
      x = run_checkpointed(x, block.units.front().conv().weight(), context,
                           [&block](const at::Tensor& input, const ForwardContext& inner) { return block.forward(input, inner); });
    }
    context.probe("probe.layer" + std::to_string(s + 1), x);
    if (s + 1 < stages_.size()) features.skips.push_back(x);
  }
  features.deepest = x;
  return features;
}

}  // namespace densehybrid
