#pragma once

#include <optional>
#include <vector>

#include "flow/attention.h"
#include "models/layers.h"

namespace densehybrid {

// y = a + b · sigmoid(c), [a, b, c] = conv(x).
class GatedConv {
 public:
  GatedConv(StateDict& state, const std::string& prefix, int64_t in, int64_t out, int64_t kernel = 1);
  at::Tensor forward(const at::Tensor& x) const;
  // y + residual without gradients; an undefined residual is 0.
  at::Tensor fused(const at::Tensor& x, const at::Tensor& residual) const;

 private:
  Conv2d conv_;
};

// `depth` layers {1×1 convolution, ReLU, 3×3 convolution to `growth` channels, ReLU}, each of which is appended to its
// input, then a gated 1×1 convolution.
class DenseLayers {
 public:
  DenseLayers(StateDict& state, const std::string& prefix, int64_t in, int64_t out, int64_t depth, int64_t growth);
  at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;

  // Without gradients all the features lie in one map: `features(like)` is a new one, N×all×H×W, whose first `in` channels
  // the caller fills, and `fused` appends the others. An undefined residual is 0.
  at::Tensor features(const at::Tensor& like) const;
  at::Tensor fused(const at::Tensor& features, const at::Tensor& residual) const;

 private:
  struct Layer {
    Conv2d widen;
    Conv2d grow;
  };
  int64_t in_;
  int64_t growth_;
  std::vector<Layer> layers_;
  std::vector<GatedConv> gate_;  // one
};

struct CouplingNetSpec {
  int64_t in = 0;
  int64_t out = 0;
  int64_t mid = 32;
  int64_t depth = 7;
  int64_t growth = 64;
  bool attention = false;
};

// What a coupling computes from the channels that it keeps: 1×1 convolution, dense layers around a residual path (or,
// with attention, beside attention heads and without the residual), 1×1 convolution that starts at 0, so that a new
// coupling is the identity.
class CouplingNet {
 public:
  CouplingNet(StateDict& state, const std::string& prefix, const CouplingNetSpec& spec);
  at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;

 private:
  struct Attention {
    NystromAttention heads;
    BatchNorm2d norm;
    Conv2d mix;
  };
  at::Tensor fused(const at::Tensor& x) const;  // without attention

  int64_t mid_;
  Conv2d first_;
  DenseLayers dense_;
  std::optional<Attention> attention_;
  Conv2d last_;
};

}  // namespace densehybrid
