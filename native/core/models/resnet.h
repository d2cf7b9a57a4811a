#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/backbone.h"

namespace densehybrid {

struct ResNetSpec {
  std::vector<int64_t> blocks = {2, 2, 2, 2};
  bool bottleneck = false;     // blocks of 1×1, 3×3, 1×1 instead of two 3×3
  int64_t output_stride = 32;  // 8, 16: the last stages keep their resolution and are dilated instead
};

// ResNet (He et al. 2016) with torchvision's names, the stride of a bottleneck on its 3×3 convolution. Skips are the
// outputs of layer1 … layer3, at strides 4, 8 and 16 (or the output stride); the deepest map is that of layer4.
class ResNet : public Backbone {
 public:
  ResNet(StateDict& state, const std::string& prefix, const ResNetSpec& spec);
  BackboneFeatures forward(const at::Tensor& image, const ForwardContext& context) const override;

  const std::vector<int64_t>& skip_channels() const override { return skip_channels_; }
  int64_t channels() const override { return channels_; }

 private:
  struct ResidualBlock {
    std::vector<ConvNormActivation> units;
    std::optional<ConvNormActivation> downsample;
    at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
  };
  std::optional<ConvNormActivation> stem_;
  std::vector<std::vector<ResidualBlock>> stages_;
  std::vector<int64_t> skip_channels_;
  int64_t channels_ = 0;
};

}  // namespace densehybrid
