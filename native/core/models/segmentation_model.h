#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "models/backbone.h"
#include "models/ladder.h"
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

// A closed-set segmentation network with the open-set head of DenseHybrid: one more pre-activation 1×1 convolution on
// the pre-logits, with the two logits of the dataset posterior P(d_in | x), P(d_out | x).
class SegmentationModel {
 public:
  struct Output {
    at::Tensor logits;      // N×K×h×w
    at::Tensor ood_logits;  // N×2×h×w, index 1 = d_out
  };

  SegmentationModel(const ModelConfig& config, std::unique_ptr<Backbone> (*make_backbone)(StateDict&, const Options&),
                    const LadderSpec& ladder);

  // `image` as `prepare` gives it.
  Output forward(const at::Tensor& image, const ForwardContext& context) const;

  // Uint8 N×H×W×3, or float N×3×H×W already in [0, 1] → normalised N×3×H×W of `dtype` on the device,
  // in the memory format of the config.
  at::Tensor prepare(const at::Tensor& images, at::ScalarType dtype) const;

  StateDict& state() { return state_; }
  const StateDict& state() const { return state_; }
  const ModelConfig& config() const { return config_; }

  // A model has one trainer at a time: true when the caller got it.
  bool acquire_for_training() { return !in_training_.exchange(true); }
  void release_from_training() { in_training_.store(false); }

 private:
  ModelConfig config_;
  StateDict state_;
  std::unique_ptr<Backbone> backbone_;
  std::unique_ptr<Ladder> ladder_;
  std::unique_ptr<NormReluConv> logits_;
  std::unique_ptr<NormReluConv> ood_logits_;
  std::atomic<bool> in_training_ = false;
};

}  // namespace densehybrid
