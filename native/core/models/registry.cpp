#include "models/registry.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "models/deeplabv3plus.h"
#include "models/densenet.h"
#include "models/ladder_network.h"
#include "models/mobilenetv2.h"
#include "models/resnet.h"
#include "models/wide_resnet.h"

namespace densehybrid {
namespace {

constexpr std::array<double, 3> kImageNetMean = {0.485, 0.456, 0.406};  // as torchvision's weights expect
constexpr std::array<double, 3> kImageNetStd = {0.229, 0.224, 0.225};

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

const LadderSpec kLightLadder = {.spp_channels = 128,
                                 .spp_level_channels = 32,
                                 .spp_grids = {8, 4, 2, 1},
                                 .upsample_channels = {128, 64, 64},  // 64 at stride 4, where a 3×3 convolution costs most
                                 .auxiliary_heads = false};
const LadderSpec kWideLadder = {.spp_channels = 256,
                                .spp_level_channels = 64,
                                .spp_grids = {8, 4, 2, 1},
                                .upsample_channels = {128, 128, 128},
                                .auxiliary_heads = false};

template <typename B, typename Spec>
std::unique_ptr<Network> ladder_network(StateDict& state, const ModelConfig& config, const Spec& backbone,
                                        const LadderSpec& ladder) {
  state.begin(Part::backbone);
  auto made = std::make_unique<B>(state, "backbone", backbone);
  state.begin(Part::decoder);
  return std::make_unique<LadderNetwork>(state, std::move(made), ladder, config.classes);
}

ResNetSpec resnet_spec(int64_t depth) {
  if (depth == 18) return {.blocks = {2, 2, 2, 2}};
  if (depth == 34) return {.blocks = {3, 4, 6, 3}};
  if (depth == 50) return {.blocks = {3, 4, 6, 3}, .bottleneck = true};
  return {.blocks = {3, 4, 23, 3}, .bottleneck = true};
}

template <int64_t depth>
std::unique_ptr<Network> ladder_resnet(StateDict& state, const ModelConfig& config) {
  return ladder_network<ResNet>(state, config, resnet_spec(depth), depth < 50 ? kLightLadder : kWideLadder);
}

template <int64_t depth>
std::unique_ptr<Network> deeplab_resnet(StateDict& state, const ModelConfig& config) {
  ResNetSpec backbone = resnet_spec(depth);
  const double stride = std::get<double>(config.options.at("outputStride"));
  if (stride != 8 && stride != 16 && stride != 32) {
    throw Error("INVALID_ARGUMENT", "Expected 8, 16 or 32 for option outputStride but received " + number_text(stride) + ".");
  }
  backbone.output_stride = static_cast<int64_t>(stride);
  DeepLabV3PlusSpec decoder;
  for (int64_t& rate : decoder.rates) rate = rate * 16 / backbone.output_stride;
  state.begin(Part::backbone);
  auto made = std::make_unique<ResNet>(state, "backbone", backbone);
  state.begin(Part::decoder);
  return std::make_unique<DeepLabV3Plus>(state, std::move(made), decoder, config.classes);
}

template <int64_t depth>
Architecture deeplab_architecture() {
  const std::string name = "resnet" + std::to_string(depth);
  return {.name = "deeplabv3plus-" + name,
          .backbone = name,
          .mean = kImageNetMean,
          .std = kImageNetStd,
          .options = {{"outputStride", 16.0}},
          .stride = 4,
          .make_network = deeplab_resnet<depth>};
}

template <int64_t depth>
Architecture ladder_resnet_architecture() {
  const std::string name = "resnet" + std::to_string(depth);
  return {.name = "ladder-" + name,
          .backbone = name,
          .mean = kImageNetMean,
          .std = kImageNetStd,
          .options = {},
          .stride = 4,
          .make_network = ladder_resnet<depth>};
}

std::unique_ptr<Network> deeplab_wide_resnet38(StateDict& state, const ModelConfig& config) {
  state.begin(Part::backbone);
  auto backbone = std::make_unique<WideResNet>(state, WideResNetSpec{});
  state.begin(Part::decoder);
  return std::make_unique<DeepLabV3Plus>(state, std::move(backbone),
                                         DeepLabV3PlusSpec{.rates = {12, 24, 36}, .align_corners = true}, config.classes);
}

std::unique_ptr<Network> ladder_densenet121(StateDict& state, const ModelConfig& config) {
  return ladder_network<DenseNet>(state, config, DenseNetSpec{}, LadderSpec{});
}

std::unique_ptr<Network> ladder_densenet169(StateDict& state, const ModelConfig& config) {
  return ladder_network<DenseNet>(state, config, DenseNetSpec{.blocks = {6, 12, 32, 32}}, LadderSpec{});
}

std::unique_ptr<Network> ladder_densenet_tiny(StateDict& state, const ModelConfig& config) {
  return ladder_network<DenseNet>(
      state, config, DenseNetSpec{.initial_features = 32, .growth = 16, .bottleneck = 2, .blocks = {3, 4, 4, 3}},
      {.spp_channels = 96,
       .spp_level_channels = 24,
       .spp_grids = {4, 2, 1},
       .upsample_channels = {64, 64, 64},
       .auxiliary_heads = false});
}

std::unique_ptr<Network> ladder_mobilenetv2(StateDict& state, const ModelConfig& config) {
  const auto& padding = std::get<std::string>(config.options.at("padding"));
  if (padding != "torch" && padding != "same") {
    throw Error("INVALID_ARGUMENT", "Expected torch or same for option padding but received " + padding + ".");
  }
  return ladder_network<MobileNetV2>(state, config,
                                     MobileNetV2Spec{.padding = padding == "same" ? Padding::same : Padding::torch,
                                                     .batch_norm = std::get<bool>(config.options.at("batchNorm"))},
                                     kLightLadder);
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
       .backbone = "densenet121",
       .mean = {0, 0, 0},
       .std = {1, 1, 1},
       .options = {},
       .stride = 4,
       .make_network = ladder_densenet121},
      {.name = "ladder-densenet169",
       .backbone = "densenet169",
       .mean = kImageNetMean,
       .std = kImageNetStd,
       .options = {},
       .stride = 4,
       .make_network = ladder_densenet169},
      {.name = "ladder-densenet-tiny",
       .backbone = "",
       .mean = {0.5, 0.5, 0.5},
       .std = {0.25, 0.25, 0.25},
       .options = {},
       .stride = 4,
       .make_network = ladder_densenet_tiny},
      {.name = "ladder-mobilenetv2",
       .backbone = "mobilenet_v2",
       .mean = kImageNetMean,
       .std = kImageNetStd,
       .options = {{"padding", std::string("torch")}, {"batchNorm", true}},
       .stride = 4,
       .make_network = ladder_mobilenetv2},
      ladder_resnet_architecture<18>(),
      ladder_resnet_architecture<34>(),
      ladder_resnet_architecture<50>(),
      ladder_resnet_architecture<101>(),
      deeplab_architecture<18>(),
      deeplab_architecture<34>(),
      deeplab_architecture<50>(),
      deeplab_architecture<101>(),
      {.name = "deeplabv3plus-wrn38",
       .backbone = "",
       .mean = kImageNetMean,
       .std = kImageNetStd,
       .options = {},
       .stride = 2,
       .align_corners = true,
       .checkpointing = true,
       .make_network = deeplab_wide_resnet38},
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
  return std::make_unique<SegmentationModel>(config, found->make_network, found->align_corners);
}

}  // namespace densehybrid
