#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/backbone.h"

namespace densehybrid {

struct DenseNetSpec {
  int64_t initial_features = 64;
  int64_t growth = 32;
  int64_t bottleneck = 4;  // a layer's 1×1 convolution has bottleneck · growth outputs
  std::vector<int64_t> blocks = {6, 12, 24, 16};
  // ladder: 2×2 max-pool without padding after the stem, and 3×3 average pools that leave padding out of the mean in the
  // transitions, as the authors of DenseHybrid have them. classifier: 3×3 with padding, and 2×2, as torchvision has them.
  enum class Pools { ladder, classifier } pools = Pools::ladder;
};

// DenseNet (Huang et al. 2017) with torchvision's names and without the norm after the last block. Skips are the outputs
// of blocks 1…3 before their transitions, at strides 4, 8 and 16; the deepest map is at stride 32.
class DenseNet : public Backbone {
 public:
  DenseNet(StateDict& state, const std::string& prefix, const DenseNetSpec& spec);
  BackboneFeatures forward(const at::Tensor& image, const ForwardContext& context) const override;

  const std::vector<int64_t>& skip_channels() const override { return skip_channels_; }
  int64_t channels() const override { return channels_; }

 private:
  at::Tensor run_block(size_t b, at::Tensor x, const ForwardContext& context) const;
  // Without gradients: the outputs of a block's layers are written side by side into one map, and norms and
  // activations are fused into the convolutions and pools.
  BackboneFeatures forward_fused(const at::Tensor& image, const ForwardContext& context) const;

  struct Layer {
    NormReluConv squeeze;  // norm1, conv1: 1×1
    NormReluConv grow;     // norm2, conv2: 3×3
  };
  std::unique_ptr<Conv2d> stem_;
  std::unique_ptr<BatchNorm2d> stem_norm_;
  std::vector<std::vector<Layer>> blocks_;
  std::vector<NormReluConv> transitions_;
  std::vector<int64_t> skip_channels_;  // the channels of a block's output, but the last
  DenseNetSpec::Pools pools_;
  int64_t growth_ = 0;
  int64_t channels_ = 0;
};

}  // namespace densehybrid
