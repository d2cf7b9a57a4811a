#include "models/deeplabv3plus.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/mean.h>

#include <utility>

#include "models/checkpoint.h"

namespace densehybrid {
namespace {

at::Tensor convolve(const Conv2d& conv, const at::Tensor& x, const ForwardContext& context) {
  return takes_fused_path(x, context) ? conv.fused(x, {}) : conv.forward(x);
}

}  // namespace

AtrousPooling::AtrousPooling(StateDict& state, const std::string& name, int64_t inputs, const DeepLabV3PlusSpec& spec)
    : align_corners_(spec.align_corners),
      channels_(spec.channels * (static_cast<int64_t>(spec.rates.size()) + 2)) {
  const auto unit = [&](const std::string& part, int64_t kernel, int64_t dilation) {
    return ConvNormActivation(state, name + part + ".0", name + part + ".1",
                              {.in = inputs, .out = spec.channels, .kernel = kernel, .dilation = dilation},
                              Activation::relu);
  };
  branches_.push_back(unit(".features.0", 1, 1));
  for (size_t i = 0; i < spec.rates.size(); ++i) {
    branches_.push_back(unit(".features." + std::to_string(i + 1), 3, spec.rates[i]));
  }
  image_ = std::make_unique<ConvNormActivation>(unit(".img_conv", 1, 1));
}

at::Tensor AtrousPooling::forward(const at::Tensor& x, const ForwardContext& context) const {
  const at::Tensor mean = x.mean({2, 3}, /*keepdim=*/true).contiguous(x.suggest_memory_format());
  std::vector<at::Tensor> maps = {resize_bilinear(image_->forward(mean, context), x.size(2), x.size(3), align_corners_)};
  for (const ConvNormActivation& branch : branches_) {
    context.cancel.check();
    maps.push_back(run_checkpointed(
        x, branch.conv().weight(), context,
        [&branch](const at::Tensor& input, const ForwardContext& inner) { return branch.forward(input, inner); }));
  }
  return at::cat(maps, 1);
}

DeepLabV3Plus::DeepLabV3Plus(StateDict& state, std::unique_ptr<Backbone> backbone, const DeepLabV3PlusSpec& spec,
                             int64_t classes)
    : backbone_(std::move(backbone)),
      pooling_(state, "aspp", backbone_->channels(), spec),
      fine_(state, "bot_fine", {.in = backbone_->skip_channels().front(), .out = spec.low_level_channels}),
      coarse_(state, "bot_aspp", {.in = pooling_.channels(), .out = spec.channels}),
      blend1_(state, "final.0", "final.1",
              {.in = spec.low_level_channels + spec.channels, .out = spec.channels, .kernel = 3}, Activation::relu),
      blend2_(state, "final.3", "final.4", {.in = spec.channels, .out = spec.channels, .kernel = 3}, Activation::relu),
      logits_(state, "final.6", {.in = spec.channels, .out = classes}),
      ood_logits_(open_set_head(state, spec.low_level_channels + spec.channels)),
      align_corners_(spec.align_corners) {}

NetworkOutput DeepLabV3Plus::forward(const at::Tensor& image, const ForwardContext& context) const {
  context.cancel.check();
  const bool decoder_frozen = context.freeze == Freeze::all_but_head;
  BackboneFeatures features = run_part(context.freeze != Freeze::nothing, image, context,
                                       [&](const ForwardContext& inner) { return backbone_->forward(image, inner); });
  const at::Tensor skip = features.skips.front();
  const at::Tensor deepest = std::exchange(features.deepest, {});
  const at::Tensor joined = run_part(decoder_frozen, deepest, context, [&](const ForwardContext& inner) {
    const at::Tensor pooled = pooling_.forward(deepest, inner);
    inner.probe("probe.aspp", pooled);
    const at::Tensor coarse = convolve(coarse_, pooled, inner);
    return at::cat({convolve(fine_, skip, inner), resize_bilinear(coarse, skip.size(2), skip.size(3), align_corners_)}, 1);
  });
  const at::Tensor logits = run_part(decoder_frozen, joined, context, [&](const ForwardContext& inner) {
    inner.cancel.check();
    const at::Tensor blended =
        run_checkpointed(joined, blend1_.conv().weight(), inner, [this](const at::Tensor& x, const ForwardContext& again) {
          return blend2_.forward(blend1_.forward(x, again), again);
        });
    return convolve(logits_, blended, inner);
  });
  return {logits, ood_logits_.forward(joined, context)};
}

}  // namespace densehybrid
