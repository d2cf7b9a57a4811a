#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/backbone.h"

namespace densehybrid {

struct WideResNetSpec {
  struct Stage {
    int64_t blocks;
    std::vector<int64_t> channels;  // of the block's convolutions: two of 3×3, or 1×1, 3×3, 1×1
    int64_t stride = 1;             // of the first block's first 3×3 convolution
    int64_t dilation = 1;
    double dropout = 0.0;  // of channels, before the last convolution
    bool pool = false;     // 3×3 max-pool at stride 2 before the stage
  };
  int64_t stem_channels = 64;
  std::vector<Stage> stages = {  // mod2 … mod7
      {.blocks = 3, .channels = {128, 128}, .pool = true},
      {.blocks = 3, .channels = {256, 256}, .pool = true},
      {.blocks = 6, .channels = {512, 512}, .stride = 2},
      {.blocks = 3, .channels = {512, 1024}, .dilation = 2},
      {.blocks = 1, .channels = {512, 1024, 2048}, .dilation = 4, .dropout = 0.3},
      {.blocks = 1, .channels = {1024, 2048, 4096}, .dilation = 4, .dropout = 0.5},
  };
};

// WideResNet-38 (Wu et al. 2016) in the variant A2 of Rota Bulò et al. (in-place activated BatchNorm, 2018), dilated to
// output stride 8, with its names mod1 … mod7: pre-activation residual blocks whose projection, where there is one, sees
// the activated input. The one skip is the output of mod2, at stride 2.
class WideResNet : public Backbone {
 public:
  WideResNet(StateDict& state, const WideResNetSpec& spec);
  BackboneFeatures forward(const at::Tensor& image, const ForwardContext& context) const override;

  const std::vector<int64_t>& skip_channels() const override { return skip_channels_; }
  int64_t channels() const override { return channels_; }

 private:
  struct ResidualBlock {
    std::vector<NormReluConv> units;   // bn1, conv1, bn2, conv2 (, bn3, conv3)
    std::optional<Conv2d> projection;  // proj_conv, on the activated input
    double dropout;
    uint64_t number;  // for the dropout's draws
    at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
    at::Tensor forward_fused(const at::Tensor& x) const;
  };
  struct Stage {
    bool pool;
    std::vector<ResidualBlock> blocks;
  };

  std::optional<Conv2d> stem_;
  std::vector<Stage> stages_;
  std::vector<int64_t> skip_channels_;
  int64_t channels_ = 0;
};

}  // namespace densehybrid
