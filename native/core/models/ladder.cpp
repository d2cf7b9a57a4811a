#include "models/ladder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace densehybrid {

Ladder::Ladder(StateDict& state, const LadderSpec& spec, int64_t deepest_channels,
               const std::vector<int64_t>& skip_channels)
    : spec_(spec) {
  const std::string root = "spp.spp.spp.";
  spp_.emplace_back(state, root + "spp_bn", ConvSpec{.in = deepest_channels, .out = spec.spp_channels});
  const auto levels = static_cast<int64_t>(spec.spp_grids.size());
  for (int64_t i = 0; i < levels; ++i) {
    spp_.emplace_back(state, root + "spp" + std::to_string(i),
                      ConvSpec{.in = spec.spp_channels, .out = spec.spp_level_channels});
  }
  spp_.emplace_back(state, root + "spp_fuse",
                    ConvSpec{.in = spec.spp_channels + levels * spec.spp_level_channels, .out = spec.spp_channels});

  channels_ = spec.spp_channels;
  for (size_t i = 0; i < spec.upsample_channels.size(); ++i) {
    const std::string name = "upsample.upsample_layers.upsample_" + std::to_string(i) + ".";
    const int64_t skip = skip_channels[skip_channels.size() - 1 - i];
    std::vector<NormReluConv> auxiliary;
    NormReluConv bottleneck(state, name + "bottleneck", {.in = skip, .out = channels_});
    NormReluConv blend(state, name + "blend_conv", {.in = channels_, .out = spec.upsample_channels[i], .kernel = 3});
    if (spec.auxiliary_heads) {
      auxiliary.emplace_back(state, name + "logits_aux", ConvSpec{.in = channels_, .out = 1, .bias = true});
    }
    units_.push_back({std::move(bottleneck), std::move(blend), std::move(auxiliary)});
    channels_ = spec.upsample_channels[i];
  }
}

at::Tensor Ladder::pyramid(const at::Tensor& input, const ForwardContext& context) const {
  const at::Tensor x = spp_.front().forward(input, context);
  const int64_t height = x.size(2);
  const int64_t width = x.size(3);
  const double aspect = static_cast<double>(width) / static_cast<double>(height);
  std::vector<at::Tensor> levels = {x};
  for (size_t i = 0; i < spec_.spp_grids.size(); ++i) {
    const int64_t rows = spec_.spp_grids[i];
    // Half rounds to even, as in the authors' Python; it shows for aspect ratios such as 5:4.
    const auto columns = std::max<int64_t>(1, static_cast<int64_t>(std::nearbyint(aspect * static_cast<double>(rows))));
    const at::Tensor level = spp_[i + 1].forward(at::adaptive_avg_pool2d(x, {rows, columns}), context);
    levels.push_back(resize_bilinear(level, height, width));
  }
  return spp_.back().forward(at::cat(levels, 1), context);
}

at::Tensor Ladder::forward(BackboneFeatures features, const ForwardContext& context) const {
  at::Tensor x = pyramid(std::exchange(features.deepest, {}), context);
  context.probe("probe.spp_out", x);
  for (size_t i = 0; i < units_.size(); ++i) {
    context.cancel.check();
    const UpsampleUnit& unit = units_[i];
    const at::Tensor skip = std::move(features.skips.back());  // without gradients its memory is free after its unit
    features.skips.pop_back();
    if (context.training && !unit.auxiliary.empty()) unit.auxiliary.front().update_statistics(x, context);
    if (takes_fused_path(skip, context) && addend_fits(x, {skip.size(0), x.size(1), skip.size(2), skip.size(3)})) {
      const NormRelu before = unit.bottleneck.norm().map();
      const NormRelu after = unit.blend.norm().map();
      x = unit.bottleneck.conv().fused(skip, {.before = &before, .addend = x, .after = &after});
      x = unit.blend.conv().fused(x, {});
    } else {
      const at::Tensor larger = resize_bilinear(x, skip.size(2), skip.size(3));
      x = unit.blend.forward(larger + unit.bottleneck.forward(skip, context), context);
    }
  }
  context.probe("probe.upsample_out", x);
  return x;
}

}  // namespace densehybrid
