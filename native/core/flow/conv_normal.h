#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// Independent normals with a mean and a log-scale per channel, for maps of any size.
class ConvNormal {
 public:
  ConvNormal(StateDict& state, const std::string& prefix, int64_t channels);
  at::Tensor log_prob(const at::Tensor& x) const;  // N, nats
  at::Tensor sample(int64_t n, int64_t height, int64_t width, Draws& draws) const;

 private:
  at::Tensor loc_;        // 1×C×1×1
  at::Tensor log_scale_;  // 1×C×1×1
};

}  // namespace densehybrid
