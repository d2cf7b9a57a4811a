#include "models/registry.h"

#include <algorithm>

#include "models/densenet.h"
#include "models/mobilenetv2.h"

namespace densehybrid {
namespace {

std::unique_ptr<Backbone> make_densenet121(StateDict& state, const Options&) {
  return std::make_unique<DenseNet>(state, "backbone", DenseNetSpec{});
}

std::unique_ptr<Backbone> make_densenet_tiny(StateDict& state, const Options&) {
  return std::make_unique<DenseNet>(
      state, "backbone",
      DenseNetSpec{.initial_features = 32, .growth = 16, .bottleneck = 2, .blocks = {3, 4, 4, 3}});
}

std::unique_ptr<Backbone> make_mobilenetv2(StateDict& state, const Options& options) {
  const auto& padding = std::get<std::string>(options.at("padding"));
  if (padding != "torch" && padding != "same") {
    throw Error("INVALID_ARGUMENT", "Expected torch or same for option padding but received " + padding + ".");
  }
  return std::make_unique<MobileNetV2>(
      state, "backbone",
      MobileNetV2Spec{.padding = padding == "same" ? Padding::same : Padding::torch,
                      .batch_norm = std::get<bool>(options.at("batchNorm"))});
}

template <typename Items, typename Name>
std::string join(const Items& items, Name name) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + name(item);
  return text.empty() ? "none" : text;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> known = {
      {.name = "ladder-densenet121",
       .mean = {0, 0, 0},
       .std = {1, 1, 1},
       .options = {},
       .stride = 4,
       .make_backbone = make_densenet121,
       .ladder = {}},
      {.name = "ladder-densenet-tiny",
       .mean = {0.5, 0.5, 0.5},
       .std = {0.25, 0.25, 0.25},
       .options = {},
       .stride = 4,
       .make_backbone = make_densenet_tiny,
       .ladder = {.spp_channels = 96,
                  .spp_level_channels = 24,
                  .spp_grids = {4, 2, 1},
                  .upsample_channels = {64, 64, 64},
                  .auxiliary_heads = false}},
      {.name = "ladder-mobilenetv2",
       .mean = {0.485, 0.456, 0.406},  // ImageNet statistics, as torchvision's weights expect
       .std = {0.229, 0.224, 0.225},
       .options = {{"padding", std::string("torch")}, {"batchNorm", true}},
       .stride = 4,
       .make_backbone = make_mobilenetv2,
       .ladder = {.spp_channels = 128,
                  .spp_level_channels = 32,
                  .spp_grids = {8, 4, 2, 1},
                  .upsample_channels = {128, 64, 64},  // 64 at stride 4, where a 3×3 convolution costs most
                  .auxiliary_heads = false}},
  };
  return known;
}

std::unique_ptr<SegmentationModel> create_model(ModelConfig config) {
  const auto& known = architectures();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& a) { return a.name == config.architecture; });
  if (found == known.end()) {
    throw Error("INVALID_ARGUMENT", "Unknown architecture " + config.architecture + ".",
                "Known architectures: " + join(known, [](const auto& a) { return a.name; }) + ".");
  }
  for (const auto& [name, value] : config.options) {
    const auto option = found->options.find(name);
    const std::string hint =
        "Options of " + found->name + ": " + join(found->options, [](const auto& o) { return o.first; }) + ".";
    if (option == found->options.end()) {
      throw Error("INVALID_ARGUMENT", "Unknown option " + name + " for architecture " + found->name + ".", hint);
    }
    if (option->second.index() != value.index()) {
      throw Error("INVALID_ARGUMENT", "Option " + name + " of architecture " + found->name + " has the wrong type.", hint);
    }
  }
  if (config.classes < 1 || config.classes > 254) {
    throw Error("INVALID_ARGUMENT", "Expected from 1 to 254 classes but received " + std::to_string(config.classes) + ".");
  }
  for (const auto& [name, value] : found->options) config.options.emplace(name, value);
  return std::make_unique<SegmentationModel>(config, found->make_backbone, found->ladder);
}

}  // namespace densehybrid
