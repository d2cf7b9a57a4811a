#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// Appends `growth` channels of noise that depend on what earlier units saw: η̂ = μ + exp(s)·η, η ~ N(0, I), with [μ, s]
// from a small net. The likelihood bound gains −ln N(η; 0, I) + Σ s.
class CrossUnitNoise {
 public:
  CrossUnitNoise(StateDict& state, const std::string& prefix, int64_t seen_channels, int64_t growth);
  FlowStep append(const at::Tensor& x, const at::Tensor& seen, FlowContext& context) const;
  at::Tensor remove(const at::Tensor& x) const { return x.narrow(1, 0, x.size(1) - growth_); }

 private:
  at::Tensor parameters(const at::Tensor& seen, const ForwardContext& context) const;  // N×2·growth: mean, log-scale

  int64_t growth_;
  Conv2d first_;
  Conv2d last_;
};

}  // namespace densehybrid
