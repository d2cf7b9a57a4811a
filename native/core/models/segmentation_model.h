#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "models/network.h"
#include "models/state_dict.h"

namespace densehybrid {

using OptionValue = std::variant<std::string, double, bool>;
using Options = std::map<std::string, OptionValue>;

// Everything that is needed to build a model, and that its checkpoint carries.
struct ModelConfig {
  std::string architecture;
  int64_t classes = 0;  // K
  Options options;
  std::array<double, 3> mean = {0, 0, 0};  // per channel of the RGB image scaled to [0, 1]
  std::array<double, 3> std = {1, 1, 1};
  uint64_t seed = 0;
  at::Device device = at::kCPU;
  // channels_last is 2–5 times faster on a CPU. false: the NCHW arithmetic of PyTorch's default, for comparisons that
  // hang on the order of float32 sums.
  bool channels_last = true;

  at::MemoryFormat format() const {
    return channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  }
};

// How a network with its tensors in a state dict is made.
using MakeNetwork = std::function<std::unique_ptr<Network>(StateDict&, const ModelConfig&)>;

// A network with its state and its preparation of images.
class SegmentationModel {
 public:
  using Output = NetworkOutput;

  // `align_corners`: of the bilinear resizing of the logits to the image.
  SegmentationModel(const ModelConfig& config, const MakeNetwork& make_network, bool align_corners);

  // `image` as `prepare` gives it.
  Output forward(const at::Tensor& image, const ForwardContext& context) const { return network_->forward(image, context); }

  // Uint8 N×H×W×3, or float N×3×H×W already in [0, 1] → normalised N×3×H×W of `dtype` on the device,
  // in the memory format of the config.
  at::Tensor prepare(const at::Tensor& images, at::ScalarType dtype) const;

  StateDict& state() { return state_; }
  const StateDict& state() const { return state_; }
  const ModelConfig& config() const { return config_; }
  bool align_corners() const { return align_corners_; }
  // For what making the network found out. Only while nobody else holds the model.
  void set_option(const std::string& name, OptionValue value) { config_.options[name] = std::move(value); }

  // A model has one trainer at a time: true when the caller got it.
  bool acquire_for_training() { return !in_training_.exchange(true); }
  void release_from_training() { in_training_.store(false); }

 private:
  ModelConfig config_;
  StateDict state_;
  std::unique_ptr<Network> network_;
  bool align_corners_;
  std::atomic<bool> in_training_ = false;
};

}  // namespace densehybrid
