#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/backbone.h"

namespace densehybrid {

struct MobileNetV2Spec {
  Padding padding = Padding::torch;
  // false: the norms are folded into the convolutions, which then have biases (weights exported for inference).
  bool batch_norm = true;
};

// MobileNetV2 1.0 (Sandler et al. 2018) with torchvision's names. The skips are the expanded (6·C channels, after ReLU6)
// maps inside the first block of each coarser stride, at strides 4, 8 and 16, richer than the thin block outputs; the
// deepest map is the 1280-channel output at stride 32.
class MobileNetV2 : public Backbone {
 public:
  MobileNetV2(StateDict& state, const std::string& prefix, const MobileNetV2Spec& spec);
  BackboneFeatures forward(const at::Tensor& image, const ForwardContext& context) const override;

  const std::vector<int64_t>& skip_channels() const override { return skip_channels_; }
  int64_t channels() const override { return 1280; }

 private:
  struct InvertedResidual {
    std::optional<ConvNormActivation> expand;  // absent in the first block
    std::optional<ConvNormActivation> depthwise;
    std::optional<ConvNormActivation> project;
    bool residual = false;
    bool is_skip = false;  // its expanded map goes to the ladder; such a block is never residual
    at::Tensor narrow(const at::Tensor& expanded, const ForwardContext& context) const;
    at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
  };
  ConvNormActivation make_unit(StateDict& state, const std::string& conv, const std::string& norm, ConvSpec spec,
                               Activation activation) const;

  MobileNetV2Spec spec_;
  std::optional<ConvNormActivation> stem_;
  std::vector<InvertedResidual> blocks_;
  std::optional<ConvNormActivation> last_;
  std::vector<int64_t> skip_channels_;
};

}  // namespace densehybrid
