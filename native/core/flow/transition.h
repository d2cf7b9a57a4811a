#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// Squeeze, then the second half of the channels leaves to N(0, I). The inverse draws it anew.
class Transition : public Bijection {
 public:
  Transition(StateDict& state, const std::string& prefix);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;
};

}  // namespace densehybrid
