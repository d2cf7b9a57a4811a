#include "models/mobilenetv2.h"

#include <ATen/TensorOperators.h>

#include "models/checkpoint.h"

namespace densehybrid {

ConvNormActivation MobileNetV2::make_unit(StateDict& state, const std::string& conv, const std::string& norm,
                                          ConvSpec spec, Activation activation) const {
  spec.padding = spec_.padding;
  return ConvNormActivation(state, conv, norm, spec, activation, spec_.batch_norm);
}

MobileNetV2::MobileNetV2(StateDict& state, const std::string& prefix, const MobileNetV2Spec& spec) : spec_(spec) {
  const std::string root = prefix + ".features.";
  // expansion t, output channels c, repetitions n, stride s (Table 2 of the paper)
  constexpr int64_t kStages[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2},
                                    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  stem_ = make_unit(state, root + "0.0", root + "0.1", {.in = 3, .out = 32, .kernel = 3, .stride = 2},
                    Activation::relu6);
  int64_t channels = 32;
  int64_t stride = 2;
  int number = 1;
  for (const auto& [expansion, out, repetitions, first_stride] : kStages) {
    for (int64_t i = 0; i < repetitions; ++i, ++number) {
      const std::string name = root + std::to_string(number) + ".conv.";
      const int64_t block_stride = i == 0 ? first_stride : 1;
      const int64_t middle = expansion * channels;
      InvertedResidual block;
      int part = 0;
      const auto part_names = [&] {
        const std::string base = name + std::to_string(part++);
        return std::pair{base + ".0", base + ".1"};
      };
      if (expansion > 1) {
        const auto [conv, norm] = part_names();
        block.expand = make_unit(state, conv, norm, {.in = channels, .out = middle}, Activation::relu6);
      }
      const auto [conv, norm] = part_names();
      block.depthwise = make_unit(
          state, conv, norm, {.in = middle, .out = middle, .kernel = 3, .stride = block_stride, .groups = middle},
          Activation::relu6);
      block.project = make_unit(state, name + std::to_string(part), name + std::to_string(part + 1),
                                {.in = middle, .out = out}, Activation::none);
      block.residual = block_stride == 1 && channels == out;
      block.is_skip = block_stride == 2 && stride >= 4;
      if (block.is_skip) skip_channels_.push_back(middle);
      stride *= block_stride;
      channels = out;
      blocks_.push_back(std::move(block));
    }
  }
  last_ = make_unit(state, root + "18.0", root + "18.1", {.in = channels, .out = 1280}, Activation::relu6);
}

at::Tensor MobileNetV2::InvertedResidual::narrow(const at::Tensor& expanded, const ForwardContext& context) const {
  return project->forward(depthwise->forward(expanded, context), context);
}

at::Tensor MobileNetV2::InvertedResidual::forward(const at::Tensor& x, const ForwardContext& context) const {
  const at::Tensor y = narrow(expand ? expand->forward(x, context) : x, context);
  return residual ? x + y : y;
}

BackboneFeatures MobileNetV2::forward(const at::Tensor& image, const ForwardContext& context) const {
  BackboneFeatures features;
  at::Tensor x = stem_->forward(image, context);
  for (const InvertedResidual& block : blocks_) {
    context.cancel.check();
    const at::Tensor& parameter = block.project->conv().weight();
    if (!block.is_skip) {
      x = run_checkpointed(x, parameter, context,
                           [&block](const at::Tensor& input, const ForwardContext& inner) { return block.forward(input, inner); });
      continue;
    }
    const at::Tensor expanded = block.expand->forward(x, context);
    features.skips.push_back(expanded);
    x = run_checkpointed(expanded, parameter, context, [&block](const at::Tensor& input, const ForwardContext& inner) {
      return block.narrow(input, inner);
    });
  }
  features.deepest = last_->forward(x, context);
  return features;
}

}  // namespace densehybrid
