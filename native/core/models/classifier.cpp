#include "models/classifier.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "common/error.h"
#include "models/densenet.h"
#include "models/resnet.h"

namespace densehybrid {
namespace {

std::unique_ptr<Backbone> make_backbone(StateDict& state, const std::string& name) {
  const auto resnet = [&](const ResNetSpec& spec) { return std::make_unique<ResNet>(state, "", spec); };
  const auto densenet = [&](std::vector<int64_t> blocks) {
    return std::make_unique<DenseNet>(
        state, "", DenseNetSpec{.blocks = std::move(blocks), .pools = DenseNetSpec::Pools::classifier});
  };
  if (name == "resnet18") return resnet({.blocks = {2, 2, 2, 2}});
  if (name == "resnet34") return resnet({.blocks = {3, 4, 6, 3}});
  if (name == "resnet50") return resnet({.blocks = {3, 4, 6, 3}, .bottleneck = true});
  if (name == "resnet101") return resnet({.blocks = {3, 4, 23, 3}, .bottleneck = true});
  if (name == "densenet121") return densenet({6, 12, 24, 16});
  if (name == "densenet169") return densenet({6, 12, 32, 32});
  throw Error("INVALID_ARGUMENT", "Unknown classifier " + name + ".",
              "Known: resnet18, resnet34, resnet50, resnet101, densenet121, densenet169.");
}

}  // namespace

NamedTensors run_classifier(const std::string& name, const NamedTensors& state, const at::Tensor& image) {
  StateDict own(/*seed=*/0, at::kCPU);
  const auto backbone = make_backbone(own, name);
  const bool densenet = name.rfind("densenet", 0) == 0;
  std::optional<BatchNorm2d> last_norm;
  if (densenet) last_norm.emplace(own, "features.norm5", backbone->channels());
  const std::string head = densenet ? "classifier" : "fc";
  const auto found = std::find_if(state.begin(), state.end(), [&](const auto& entry) { return entry.first == head + ".bias"; });
  const int64_t classes = found == state.end() ? 1000 : found->second.numel();
  const at::Tensor weight = own.add_constant(head + ".weight", {classes, backbone->channels()}, 0.0, true);
  const at::Tensor bias = own.add_constant(head + ".bias", {classes}, 0.0, true);
  own.load(state, /*strict=*/true);

  const c10::InferenceMode inference;
  std::map<std::string, at::Tensor> probes;
  ForwardContext context;
  context.probes = &probes;
  at::Tensor x = backbone->forward(image.contiguous(at::MemoryFormat::ChannelsLast), context).deepest;
  if (last_norm) {
    x = last_norm->forward(x, context);
    probes["probe.features.norm5"] = x;
    x = at::relu(x);
  }
  x = x.mean({2, 3}, /*keepdim=*/true);
  probes["probe.avgpool"] = x;
  NamedTensors results = {{"logits", at::linear(x.flatten(1), weight, bias)}};
  for (const auto& [probe, value] : probes) results.emplace_back(probe, value);
  for (auto& [key, value] : results) value = value.contiguous();
  return results;
}

}  // namespace densehybrid
