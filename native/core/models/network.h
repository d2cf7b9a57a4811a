#pragma once

#include <ATen/core/Tensor.h>

#include "models/layers.h"

namespace densehybrid {

struct NetworkOutput {
  at::Tensor logits;      // N×K×h×w
  at::Tensor ood_logits;  // N×2×h×w, index 1 = d_out
};

// A closed-set segmentation network with the open-set head of DenseHybrid: one more pre-activation 1×1 convolution, with
// the two logits of the dataset posterior P(d_in | x), P(d_out | x).
class Network {
 public:
  virtual ~Network() = default;
  // `image`: N×3×H×W, normalised. What context.freeze names is run in evaluation mode even in training.
  virtual NetworkOutput forward(const at::Tensor& image, const ForwardContext& context) const = 0;
};

// BatchNorm → ReLU → 1×1 convolution to the two logits of the dataset posterior, named logits_ood.
inline NormReluConv open_set_head(StateDict& state, int64_t channels) {
  state.begin(Part::open_set_head);
  return NormReluConv(state, "logits_ood", ConvSpec{.in = channels, .out = 2, .bias = true});
}

}  // namespace densehybrid
