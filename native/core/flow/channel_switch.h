#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// [x1, x2] → [x2, x1], x1 the first ⌈C/2⌉ channels, so that the next coupling changes what this one kept.
class ChannelSwitch : public Bijection {
 public:
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;
};

}  // namespace densehybrid
