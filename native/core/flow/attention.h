#pragma once

#include "models/layers.h"

namespace densehybrid {

// Nyström attention over the pixels of a map (Xiong et al. 2021), as the stand-alone DenseFlow has it, with its own
// reading of the shapes: N×3E×H×W is reshaped, not permuted, to N×HW×3E, and every softmax is over the rows.
class NystromAttention {
 public:
  static constexpr int64_t kLandmarks = 4;  // H·W must be a multiple

  NystromAttention(StateDict& state, const std::string& prefix, int64_t channels, int64_t embedding);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  int64_t embedding_;
  Conv2d qkv_;
  Conv2d out_;
};

}  // namespace densehybrid
