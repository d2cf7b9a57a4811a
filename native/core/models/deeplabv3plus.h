#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/backbone.h"
#include "models/network.h"

namespace densehybrid {

struct DeepLabV3PlusSpec {
  std::vector<int64_t> rates = {6, 12, 18};  // of atrous convolution; {12, 24, 36} at output stride 8
  int64_t channels = 256;
  int64_t low_level_channels = 48;
  bool align_corners = false;
};

// Atrous spatial pyramid pooling: the image's mean, a 1×1 convolution and one dilated 3×3 convolution per rate, side by
// side.
class AtrousPooling {
 public:
  AtrousPooling(StateDict& state, const std::string& name, int64_t inputs, const DeepLabV3PlusSpec& spec);
  at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
  int64_t channels() const { return channels_; }

 private:
  std::vector<ConvNormActivation> branches_;  // features.0 …: 1×1, then one per rate
  std::unique_ptr<ConvNormActivation> image_;
  bool align_corners_;
  int64_t channels_;
};

// DeepLabV3+ (Chen et al. 2018) with the names of Zhu et al. ("Improving Semantic Segmentation via Video Propagation and
// Label Relaxation", 2019): the pooled features are resized to the backbone's finest skip and joined with it, two 3×3
// convolutions and a 1×1 without bias give the logits. The open-set head sits on the joined map.
class DeepLabV3Plus : public Network {
 public:
  // The backbone's tensors are in `state` already.
  DeepLabV3Plus(StateDict& state, std::unique_ptr<Backbone> backbone, const DeepLabV3PlusSpec& spec, int64_t classes);
  NetworkOutput forward(const at::Tensor& image, const ForwardContext& context) const override;

 private:
  std::unique_ptr<Backbone> backbone_;
  AtrousPooling pooling_;
  Conv2d fine_;
  Conv2d coarse_;
  ConvNormActivation blend1_;
  ConvNormActivation blend2_;
  Conv2d logits_;
  NormReluConv ood_logits_;
  bool align_corners_;
};

}  // namespace densehybrid
