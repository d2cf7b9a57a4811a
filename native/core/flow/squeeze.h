#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// N×C×H×W → N×4C×H/2×W/2: out channel = 4c + 2·dy + dx. A rearrangement: log-determinant 0.
class Squeeze : public Bijection {
 public:
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;
};

at::Tensor squeeze2d(const at::Tensor& x);
at::Tensor unsqueeze2d(const at::Tensor& z);

}  // namespace densehybrid
