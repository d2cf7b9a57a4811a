#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "models/layers.h"

namespace densehybrid {

// The feature maps that a backbone hands to the ladder.
struct BackboneFeatures {
  std::vector<at::Tensor> skips;  // from fine to coarse: strides 4, 8, 16
  at::Tensor deepest;             // stride 32
};

class Backbone {
 public:
  virtual ~Backbone() = default;
  virtual BackboneFeatures forward(const at::Tensor& image, const ForwardContext& context) const = 0;
  virtual const std::vector<int64_t>& skip_channels() const = 0;
  virtual int64_t channels() const = 0;
};

}  // namespace densehybrid
