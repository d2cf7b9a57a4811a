#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// Invertible 1×1 convolution: z = W x at every pixel, log-determinant H·W·ln |det W|. Starts as a random rotation.
class InvertibleConv1x1 : public Bijection {
 public:
  InvertibleConv1x1(StateDict& state, const std::string& prefix, int64_t channels);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;

  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_;  // C×C
};

}  // namespace densehybrid
